"""Rows of cells as a table in Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; the first column is text, the others are numbers.

    >>> markdown_table(["arm", "accuracy"], [["full", "90.0"]])
    ['| arm | accuracy |', '| :-- | --: |', '| full | 90.0 |']
    """
    rule = [":--", *("--:" for _ in columns[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]
