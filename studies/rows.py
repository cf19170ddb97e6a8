"""What a study writes as it runs: one row per line, so that it can be ended at any time and continued."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """What a study measures, known by its name in the rows."""

    @property
    def name(self) -> str:
        """A name that nothing else of the study has."""


N = TypeVar("N", bound=Named)


def read_rows(lines: Path) -> list[dict[str, Any]]:
    """Return the rows that were written so far, none if there is no file."""
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []


def measured_networks(lines: Path) -> set[tuple[Any, ...]]:
    """Return the networks whose rows were written, by what names them: they are not trained again."""
    return {tuple(row["network"]) for row in read_rows(lines)}


def write_rows(lines: Path, rows: Iterable[Mapping[str, Any]], *, more: bool = False) -> None:
    """Write rows, one per line, after the existing ones (`more`) or in their place."""
    written = "".join(json.dumps(row) + "\n" for row in rows)
    with lines.open("a" if more else "w") as file:
        file.write(written)


def unmeasured(
    things: Iterable[N], lines: Path, *, again: bool, minutes: float | None = None, key: str = "name"
) -> Iterator[N]:
    """Yield what no row names yet, in its column `key`, and nothing more after so many minutes.

    With `again` the rows are removed first, so that everything is measured.
    """
    if again:
        lines.unlink(missing_ok=True)
    begun, done = time.monotonic(), {row[key] for row in read_rows(lines)}
    for thing in things:
        if thing.name in done:
            continue
        if minutes is not None and time.monotonic() - begun > 60 * minutes:
            return
        yield thing
