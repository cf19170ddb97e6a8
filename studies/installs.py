"""The tests on an install of the wheel: with the oldest versions that are declared or the newest, on any interpreter.

An environment is created and filled by uv (`pip install uv`), and its versions and the output of the tests are
kept.
"""

import argparse
import json
import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from studies.rows import write_rows

ROOT = Path(__file__).parent.parent
FLOORS, NEWEST = "floors", "newest"
# The versions on which most depends, which are reported with the outcome.
TOLD = (
    "torch", "torchvision", "timm", "lightning-fabric", "torchmetrics", "datasets", "pyarrow", "numpy", "pandas",
    "scipy", "scikit-learn", "pillow", "matplotlib", "onnx", "onnxruntime", "transformers",
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--versions", choices=(FLOORS, NEWEST), default=NEWEST)
    parser.add_argument("--python", default="3.11", help="an interpreter as uv takes it: 3.13, or its path")
    parser.add_argument(
        "--tests",
        default="tests --pyargs nearsight",
        help="what pytest is given: files of tests and options, in one word",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/installs"),
        help="the environments, and what became of the tests",
    )


def run(arguments: argparse.Namespace) -> None:
    """Create an environment, run the tests on the wheel in it, and print the versions and how they ended."""
    found = _uv("python", "find", arguments.python).strip()
    place = arguments.out.resolve() / f"{arguments.versions}-{_version(found)}"
    wheel = _wheel(place / "wheel")
    python = place / "bin" / "python"
    _uv("venv", "--quiet", "--allow-existing", "--python", found, str(place))
    pins = place / "pins.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins.write_text("".join(f"{pin}\n" for pin in floors(project) if arguments.versions == FLOORS))
    _uv("pip", "install", "--quiet", "--python", str(python), "--constraints", str(pins), "--reinstall-package",
        "nearsight", f"{wheel}[dev]")  # fmt: skip
    listed = json.loads(_uv("pip", "list", "--python", str(python), "--format", "json"))
    versions = {each["name"]: each["version"] for each in listed if each["name"] in TOLD}
    interpreter = f"Python {_version(python)}"
    print(f"{interpreter}, {', '.join(f'{name} {versions[name]}' for name in TOLD)}", flush=True)
    said = place / "pytest.txt"
    with said.open("w") as file:
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments.tests.split()]
        code = subprocess.run(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env=_environment()
        ).returncode
    ended = (said.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""])[-1]
    row = {
        "python": interpreter,
        "of": arguments.versions,
        "tests": arguments.tests,
        "code": code,
        "ended": ended,
    }
    write_rows(arguments.out / "installs.jsonl", [{**row, "versions": versions}], more=True)
    print(f"{ended} (all of it in {said})")
    raise SystemExit(code)


def floors(project: Mapping[str, Any]) -> list[str]:
    """Return the oldest version of each package that a project declares, as pins.

    >>> floors({"dependencies": ["numpy>=2.0", "cleanlab[image]>=2.9"], "optional-dependencies": {}})
    ['cleanlab==2.9', 'numpy==2.0']

    Raises `ValueError` if one has no oldest version.
    """
    extras = project["optional-dependencies"].values()
    found = set()
    for line in (*project["dependencies"], *(line for extra in extras for line in extra)):
        requirement = Requirement(line)
        if requirement.name == project.get("name"):
            continue
        least = [each.version for each in requirement.specifier if each.operator == ">="]
        if len(least) != 1:
            raise ValueError(f"{line} declares no oldest version")
        found.add(f"{requirement.name}=={least[0]}")
    return sorted(found)


def _version(python: str | Path) -> str:
    """Return the version of an interpreter, such as 3.11.7."""
    asked = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip()


def _wheel(place: Path) -> Path:
    for old in place.glob("*.whl"):
        old.unlink()
    _uv("build", "--quiet", "--wheel", "--out-dir", str(place), str(ROOT))
    (wheel,) = place.glob("*.whl")
    return wheel


def _uv(*arguments: str) -> str:
    return subprocess.run(["uv", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def _environment() -> dict[str, str]:
    """Return the environment of the tests: one thread per process, and only the installed package."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "OMP_NUM_THREADS": "1"}
