"""The file types in which a contact sheet can be written."""

from pathlib import Path

from nearsight.errors import InputError

SHEETS = (".png", ".pdf", ".svg")


def require_sheet(path: Path) -> None:
    """Raise `InputError` unless a contact sheet can be written to the file.

    >>> require_sheet(Path("set.png"))
    """
    if path.suffix.casefold() not in SHEETS:
        raise InputError(f"a contact sheet is a file ending in {', '.join(SHEETS)}, got '{path}'")
