"""What a repair was asked for, kept with it, so that it is only continued with the same settings."""

from dataclasses import dataclass, fields
from pathlib import Path

from nearsight.errors import InputError
from nearsight.lock import contents
from nearsight.rows import from_values, read_result, to_values
from nearsight.schema import numbered
from nearsight.write import check_writable, write_json

ASKED = "asked.json"


@dataclass(frozen=True)
class Asked:
    """The settings of a repair, as `repair` takes them; `run` is the name of the old run's directory."""

    run: str
    data: str
    verdicts: tuple[str, ...]
    method: str | None
    from_scratch: bool
    column: str | None
    seed: int


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
    schema, values = read_result("repair", out / ASKED, "repair")
    begun = from_values(Asked, values, out / ASKED, schema=schema)
    if begun != asked:
        pairs = {spec.name: (getattr(begun, spec.name), getattr(asked, spec.name)) for spec in fields(Asked)}
        changed = [
            f"{name} {_written(there)} there, {_written(here)} asked for"
            for name, (there, here) in pairs.items()
            if there != here
        ]
        raise InputError(f"{out} already holds another repair ({'; '.join(changed)}); choose another `out`")
    if not resume:
        raise InputError(f"{out} already holds this repair; give `resume=True`, or choose another `out`")


def begin(out: Path, asked: Asked) -> None:
    """Write what is asked for into the directory of a repair."""
    write_json(out / ASKED, numbered("repair", to_values(asked)))


def _written(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
