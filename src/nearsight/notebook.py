"""How results show themselves: a few lines of text and, in a notebook, a short table or picture."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain

# Never more than a screen.
ROWS, NOTES, LONGEST = 12, 5, 60
TEXT_ROWS = 6


@dataclass(frozen=True)
class Summary:
    """What is shown of a result: a title, a table, some sentences, and a picture as the bytes of a PNG.

    >>> found = Summary("Evaluation of digits test", ("protocol", "accuracy"), (("vote", "80.2 %"),))
    >>> print(found.text())
    Evaluation of digits test
      protocol  accuracy
      vote      80.2 %
    >>> "<td>80.2 %</td>" in found.html()
    True

    All text is escaped. Of a longer table, 12 rows are shown, 6 as text; what is left out is counted.
    """

    title: str
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    picture: bytes | None = None

    def text(self) -> str:
        """Return it as a few lines."""
        shown = [[_short(cell, 28) for cell in row] for row in self.rows[:TEXT_ROWS]]
        table = [list(self.columns), *shown] if self.columns and shown else shown
        widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        more = _more(len(self.rows) - TEXT_ROWS)
        notes = [_short(note, 160) for note in self.notes[:NOTES]]
        return "\n  ".join([_short(self.title, 160), *lines, *more, *notes])

    def html(self) -> str:
        """Return it as a piece of HTML."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in self.rows[:ROWS]
        )
        more = _more(len(self.rows) - ROWS)
        notes = [_short(note, 400) for note in self.notes[:NOTES]] + _more(len(self.notes) - NOTES)
        return "".join(
            chain(
                ["<div>", f"<p><b>{escape(_short(self.title, 200))}</b></p>"],
                [f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"] if self.rows else [],
                (f"<p>{escape(line)}</p>" for line in more),
                (f"<p>{escape(note)}</p>" for note in notes),
                [] if self.picture is None else [f'<img src="{_uri(self.picture)}" alt="">'],
                ["</div>"],
            )
        )


class Shown:
    """A result that shows itself by its `_summary`."""

    def _summary(self) -> Summary:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._summary().text()

    def _repr_html_(self) -> str:
        return self._summary().html()


def _more(left: int) -> list[str]:
    return [f"… and {left:,} more"] if left > 0 else []


def _cell(text: str) -> str:
    return escape(_short(text, LONGEST))


def _short(text: str, longest: int) -> str:
    # Names of files may contain line breaks, and what UTF-8 may not.
    line = " ".join(str(text).split()).encode("utf-8", "backslashreplace").decode("utf-8")
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _uri(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
