"""What a study writes as it runs: one row per line, so that it can be ended at any time and continued."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


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
