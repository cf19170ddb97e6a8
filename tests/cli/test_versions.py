"""The versions of a bug report are those that are installed, and the device is what the machine has."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import nearsight
from nearsight.cli.main import main
from nearsight.cli.versions import device


@pytest.mark.parametrize("asked", ["--version", "-V"])
def test_the_first_line_is_the_packages_and_the_others_what_results_depend_on(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([asked]) == 0
    first, python, *packages, on = capsys.readouterr().out.splitlines()
    assert first == f"nearsight {nearsight.__version__}"
    assert python.startswith(f"Python {'.'.join(map(str, sys.version_info[:3]))}")
    assert packages == [f"{name} {version(name)}" for name in ("torch", "torchvision", "timm", "numpy")]
    assert on.startswith("device: ")


def test_cards_are_named_as_their_driver_names_them(tmp_path: Path) -> None:
    for slot, text in [("0", "Model: \t\t NVIDIA H100\nIRQ: 4\n"), ("1", "IRQ: 5\n")]:
        (tmp_path / slot).mkdir()
        (tmp_path / slot / "information").write_text(text)
    assert device(tmp_path) == "NVIDIA H100, an NVIDIA card"


@pytest.mark.parametrize(
    ("system", "machine", "named"),
    [
        ("Darwin", "arm64", "Apple's graphics processor (mps)"),
        ("Linux", "arm64", "processor cores, no NVIDIA card"),
    ],
)
def test_without_a_card_apples_processor_or_the_cores_are_named(
    system: str, machine: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert named in device(tmp_path)
