"""What a repair or its diagnosis was asked for, kept with it, so that it only continues with the same settings."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nearsight.errors import InputError
from nearsight.lock import contents
from nearsight.rows import from_values, read_result, to_values
from nearsight.schema import numbered
from nearsight.write import check_writable, write_json

ASKED = "asked.json"


@dataclass(frozen=True)
class Looked:
    """How images and their tiles are looked at: `value_range` is that of their values, None for those of 8 bits."""

    tile: int
    stride: int
    grid: str
    value_range: tuple[float, float] | None


@dataclass(frozen=True)
class Asked:
    """The settings of a repair, as `repair` takes them; `run` is the name of the old run's directory.

    `looked` is None in files of older versions. `material` is the fingerprint of what the new run is trained on, None
    before that is known, if nothing is trained, and in files of older versions.
    """

    run: str
    data: str
    verdicts: tuple[str, ...]
    method: str | None
    from_scratch: bool
    column: str | None
    seed: int
    looked: Looked | None = None
    material: str | None = None


def check_place(out: Path, asked: Asked, resume: bool, diagnosed: str) -> None:
    """Raise `InputError` unless a repair can begin, or be continued, in a directory; nothing is written.

    >>> check_place(Path("/dev/null"), Asked("run", "digits", ("all",), None, False, None, 0), False, "diagnosis")
    Traceback (most recent call last):
    nearsight.errors.InputError: /dev/null is a file; choose another `out`

    `diagnosed` is the name of the folder that a repair which found nothing leaves behind; with `resume`, another
    repair may begin beside it.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose another `out`")
    held = {path.name for path in contents(out)}
    if not held:
        check_writable(out)
        return
    if ASKED not in held:
        if held != {diagnosed}:
            raise InputError(f"{out} is not empty and holds no repair; choose another `out`")
        if not resume:
            raise InputError(
                f"{out} already holds the diagnosis of a repair; give `resume=True` to continue from it, or choose "
                "another `out`"
            )
        return
    there, here = _settings(read_asked(out)), _settings(asked)
    changed = [
        f"{name} {_written(value)} there, {_written(here[name])} asked for"
        for name, value in there.items()
        if value != here.get(name, value)
    ]
    if changed:
        raise InputError(f"{out} already holds another repair ({'; '.join(changed)}); choose another `out`")
    if not resume:
        raise InputError(f"{out} already holds this repair; give `resume=True`, or choose another `out`")


def begin(out: Path, asked: Asked) -> None:
    """Write what is asked for into the directory of a repair, or of its diagnosis."""
    write_json(out / ASKED, numbered("repair", to_values(asked)))


def check_material_of(out: Path, material: str, trained: str) -> None:
    """Raise `InputError` if the run that a repair began, in its folder `trained`, is trained on another material.

    >>> check_material_of(Path("repairs/new"), "2f0c", "run")

    Edits are found anew on resuming. If they come out otherwise, as after a change of version, the page would show
    edits on which the run was not trained.
    """
    if not contents(out / trained) or (there := read_asked(out).material) == material:
        return
    if there is None:
        raise InputError(
            f"the repair in {out} does not say on what its run is trained, as an older version began it; choose "
            "another `out`"
        )
    raise InputError(
        f"the run in {out} is trained on images that were edited otherwise than they would be now, by another "
        "version, with other libraries or on another machine; choose another `out`"
    )


def read_asked(directory: Path) -> Asked:
    """Read what `begin` wrote; raises `InputError` if there is nothing, or nothing that can be read."""
    schema, values = read_result("repair", directory / ASKED, "repair")
    return from_values(Asked, values, directory / ASKED, schema=schema)


def _settings(asked: Asked) -> dict[str, Any]:
    settings = {**asdict(asked), **({} if asked.looked is None else asdict(asked.looked))}
    del settings["looked"], settings["material"]
    return settings


def _written(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
