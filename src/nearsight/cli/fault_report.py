"""What is kept of an unforeseen fault, for those who investigate it."""

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

# What the work uses, and may have changed.
_PACKAGES = (
    "nearsight", "torch", "torchvision", "numpy", "timm", "datasets", "pyarrow", "pillow", "lightning-fabric",
    "safetensors", "matplotlib", "pandas", "scikit-learn", "scipy", "onnxruntime",
)  # fmt: skip


def save_report(error: BaseException, arguments: Sequence[str]) -> Path | None:
    """Write the traceback of a fault, with its circumstances, into a file of its own, and return its path.

    >>> report = save_report(ZeroDivisionError("division by zero"), ["data", "digits"])
    >>> "ZeroDivisionError: division by zero" in report.read_text(encoding="utf-8")
    True

    It is in the temporary directory, otherwise in the current one, readable only by its owner. None if it cannot
    be written anywhere; nothing is ever raised.
    """
    try:
        text = _report(error, arguments)
    except Exception as fault:
        text = f"{type(error).__name__}, which could not be written: {type(fault).__name__}\n"
    for place in (None, "."):
        try:
            number, path = tempfile.mkstemp(prefix="nearsight-fault-", suffix=".txt", dir=place)
        except OSError:
            continue
        try:
            with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 (a number)
                file.write(text)
        except OSError:
            Path(path).unlink(missing_ok=True)
            continue
        return Path(path).absolute()
    return None


def _report(error: BaseException, arguments: Sequence[str]) -> str:
    from importlib import metadata

    lines = [
        f"time: {time.strftime('%Y-%m-%d %H:%M:%S %z')}",
        f"command: {['nearsight', *arguments]}",
        f"directory: {os.getcwd() if _is_there('.') else 'gone'}",  # noqa: PTH109 (the path as it is)
        f"python: {sys.version}",
        f"platform: {platform.platform()}",
        f"processors: {os.cpu_count()}",
    ]
    for name in _PACKAGES:
        try:
            lines.append(f"{name}: {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name}: not installed")
    return "\n".join(lines) + "\n\n" + "".join(traceback.format_exception(error))


def _is_there(place: str) -> bool:
    try:
        os.stat(place)  # noqa: PTH116 (the current directory may be gone)
    except OSError:
        return False
    return True
