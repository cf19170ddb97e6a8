"""The house: rooms import only the rooms they stand on, and nothing imports upwards."""

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import nearsight

SOURCE = Path(nearsight.__file__).parent

# The table of the design: what each room is built on. A room may also import what those are built on.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "arguments": {"errors"},
    "launch": {"errors"},
    "stopping": set(),
    "shortage": {"errors"},
    "notebook": set(),
    "numbers": {"arguments"},
    "signatures": {"arguments"},
    "digest": {"errors"},
    "unfinished": set(),
    "write": {"digest", "unfinished"},
    "read": {"digest"},
    "schema": {"errors"},
    "rows": {"schema", "numbers", "read"},
    "allocator": set(),
    "settings": {"arguments", "schema", "numbers", "read", "launch"},
    "statistics": {"errors"},
    "progress": {"launch"},
    "srun_step": {"launch"},
    "together": {"srun_step"},
    "lock": {"progress", "unfinished"},
    "data": {
        "together",
        "notebook",
        "signatures",
        "write",
        "lock",
        "progress",
        "rows",
        "settings",
        "shortage",
        "stopping",
    },
    "tiles": {"settings"},
    "models": {"notebook", "write", "rows", "settings", "shortage"},
    "runs": {"lock", "models", "statistics"},
    "evidence": {"allocator", "progress", "statistics", "tiles", "models", "shortage"},
    "training": {"progress", "together", "data", "tiles", "models", "runs", "shortage"},
    "evaluation": {"together", "data", "statistics", "evidence", "runs"},
    "diagnosis": {"data", "evidence", "evaluation", "runs"},
    "study": {"data", "tiles", "training", "evaluation", "runs"},
    "dimension": {"data", "tiles", "study"},
    "repair": {"diagnosis", "training"},
    "report": {"diagnosis", "study", "dimension", "repair"},
    "verbs": {"report"},
    "cli": {"verbs"},
    "__main__": {"cli"},
}


@cache
def below(room: str) -> frozenset[str]:
    """All rooms that a room stands on, near and far."""
    return frozenset(MAY_IMPORT[room]).union(*(below(other) for other in MAY_IMPORT[room]))


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Every module that a module of `package` imports, anywhere in it, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            start = parents[: len(parents) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_imported(code: str, package: str) -> set[str]:
    """The rooms, and loose modules, of Nearsight that some code imports."""
    names = (name.split(".") for name in imports(ast.parse(code), package))
    return {name[1] for name in names if name[0] == "nearsight" and name[1:] not in ([], ["__version__"])}


def trespasses(code: str, room: str) -> set[str]:
    """The rooms that some code of `room` imports and may not."""
    return rooms_imported(code, f"nearsight.{room}") - below(room) - {room}


def room_of(path: Path) -> str:
    """The room of a module, or its own name where it stands alone."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_its_room_stands_on(path: Path) -> None:
    assert trespasses(path.read_text(encoding="utf-8"), room_of(path)) == set()


def test_the_house_has_no_rooms_but_those_of_the_design_and_no_circles() -> None:
    assert {room_of(path) for path in MODULES} <= MAY_IMPORT.keys()
    order = list(MAY_IMPORT)
    for room in order:
        assert all(order.index(other) < order.index(room) for other in below(room))


@pytest.mark.parametrize(
    ("code", "room", "offence"),
    [
        ("from nearsight.training import train", "data", {"training"}),
        ("import nearsight.study.comparing", "training", {"study"}),
        ("def late():\n    from nearsight.evaluation.metrics import accuracy", "training", {"evaluation"}),
        ("from ..cli import main", "runs", {"cli"}),
        ("from nearsight import report, tiles", "evaluation", {"report"}),
        ("from nearsight.models import build", "data", {"models"}),
        ("from nearsight.write import write_text", "errors", {"write"}),
        ("from nearsight.errors import InputError\nfrom .grid import TileGrid\nimport torch", "tiles", set()),
    ],
)
def test_an_import_out_of_place_is_found(code: str, room: str, offence: set[str]) -> None:
    assert trespasses(code, room) == offence


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_has_the_name_of_a_public_function_or_class_of_its_package(path: Path) -> None:
    # Importing the module would put it in the place of what it holds.
    named = importlib.import_module(".".join(["nearsight", *path.relative_to(SOURCE).parent.parts]))
    assert path.stem not in getattr(named, "__all__", ())
