"""What the tests of the command line share: a run to look at, and what a command leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nearsight.cli.main import main

QUICK = ["--recipe", "fast", "--width", "0.1", "--precision", "float32", "--device", "cpu", "--workers", "0"]

Refused = Callable[..., str]


@pytest.fixture
def quick() -> list[str]:
    """Return options that make training a matter of moments."""
    return QUICK


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Return what runs a command with --json, and gives the one object that it prints."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        code = main([*map(str, arguments), "--json"])
        told = capsys.readouterr()
        assert code == 0, told.err
        result = json.loads(told.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert isinstance(result, dict)
        return result

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return what runs a command that must refuse its input, and gives its one line."""

    def run(*arguments: str | Path) -> str:
        code = main([*map(str, arguments)])
        told = capsys.readouterr()
        assert (code, told.out) == (2, "")
        lines = [line for line in told.err.splitlines() if line.startswith("nearsight: ")]
        assert told.err.endswith(f"{lines[-1]}\n")
        assert len(lines) == 1
        assert "Traceback" not in told.err
        return lines[0].removeprefix("nearsight: ")

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run on tiles of digits, to be looked at but not changed."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["train", "digits", "--tile", "6", "--steps", "4", "--out", str(out), *QUICK]) == 0
    return out


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """Return what reads a directory whole, to see whether anything in it has changed."""

    def read(directory: Path) -> dict[str, bytes]:
        files = (path for path in directory.rglob("*") if path.is_file())
        return {str(path.relative_to(directory)): path.read_bytes() for path in files}

    return read
