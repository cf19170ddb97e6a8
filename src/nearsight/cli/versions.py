"""What `nearsight --version` prints: what a bug report needs, read without importing any package."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nearsight import __version__

_PACKAGES = ("torch", "torchvision", "timm", "numpy")
_NVIDIA = Path("/proc/driver/nvidia/gpus")


def installed_versions() -> list[str]:
    """Return one line for Nearsight, for Python, for each package that affects results, and for the device.

    >>> installed_versions()[0].startswith("nearsight 0.")
    True
    """
    return [
        f"nearsight {__version__}",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        *(f"{name} {_installed(name)}" for name in _PACKAGES),
        f"device: {device(_NVIDIA)}",
    ]


def device(nvidia: Path) -> str:
    """Name the graphics cards that NVIDIA's driver lists in a directory, Apple's own, or the processor's cores.

    >>> "cores" in device(Path("nowhere")) or "Apple" in device(Path("nowhere"))
    True
    """
    cards = [_model(card) for card in sorted(nvidia.glob("*/information"))]
    if cards:
        return ", ".join(cards)
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple's graphics processor (mps)"
    return f"{os.cpu_count()} processor cores, no NVIDIA card found"


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"


def _model(information: Path) -> str:
    # "Model: \t\t NVIDIA H100 80GB HBM3"
    lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return named[0] if named else "an NVIDIA card"
