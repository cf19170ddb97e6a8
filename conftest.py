"""Where tests and the documentation's examples put what they make: into a directory that goes with them."""

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let `tempfile`, here and in every process that is started, use a directory that is removed at the end."""
    # What is in `tmp_path` stays where pytest puts it, and where a test failed it is kept.
    tmp_path_factory.getbasetemp()
    # The name is short, as it is a part of sockets' names.
    with (
        tempfile.TemporaryDirectory(prefix="ns", ignore_cleanup_errors=True) as place,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(tempfile, "tempdir", place)
        patch.setenv("TMPDIR", place)
        yield
