"""What a figure was measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("nearsight", "torch", "datasets", "pyarrow", "pillow", "numpy")


def facts() -> dict[str, Any]:
    """Return the machine, its load, the versions and the revision at this moment."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "cores_allowed": len(os.sched_getaffinity(0)),
        "threads_allowed": os.environ.get("OMP_NUM_THREADS"),
        "nice": os.nice(0),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "load_average": os.getloadavg(),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "revision": _revision(),
    }


def _line(file: str, name: str) -> str | None:
    lines = Path(file).read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith(name)), None)


def _revision() -> str | None:
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()
