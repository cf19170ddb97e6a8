"""Where tests and the documentation's examples put what they make: into a directory that goes with them."""

import multiprocessing.util
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let `tempfile`, here and in every process that is started, use a directory that is removed at the end."""
    # What is in `tmp_path` stays where pytest puts it, and where a test failed it is kept.
    tmp_path_factory.getbasetemp()
    # Python ends its own processes, and removes their sockets, after the tests: since 3.14 a server forks workers.
    multiprocessing.util.get_temp_dir()
    # The name is short, as it is a part of sockets' names.
    with (
        tempfile.TemporaryDirectory(prefix="ns", ignore_cleanup_errors=True) as place,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(tempfile, "tempdir", place)
        patch.setenv("TMPDIR", place)
        yield
