"""The Markdown tables of the study."""

from collections.abc import Sequence

from nearsight.numbers import counted
from nearsight.statistics.writing import points
from studies.repair.figures import Row

# For the first part of the shortcuts everything is reported, for the others these.
SHORT = ("without", "won", "moved", "usual_change", "to_dro", "found")
COLUMNS = {
    "without": "class without it, %",
    "won": "of the gap won back, %",
    "having": "class with it, %",
    "moved": "others with it put on that become the class, %",
    "kept": "still right of those right without it, %",
    "usual_change": "usual images, points",
    "elsewhere_change": "classes without a shortcut, points",
    "to_dro": "beside group DRO, points",
    "found": "found, %",
    "won_given_found": "won back of those found, %",
}


def table(result: Row, order: Sequence[str]) -> str:
    """Return one table for each part of the shortcuts, one row per method in the given order."""
    parts: dict[str, Row] = result["parts"]
    return "\n".join(
        line
        for k, (name, part) in enumerate(parts.items())
        for line in _part(name, part, order, SHORT if k else tuple(COLUMNS))
    )


def _part(name: str, part: Row, order: Sequence[str], columns: Sequence[str]) -> list[str]:
    if not part["shortcuts"]:
        return []
    header = ["method", *(COLUMNS[column] for column in columns), "seconds"]
    lines = [
        f"**{name}**: {counted(part['shortcuts'], 'shortcut')} in {counted(part['networks'], 'network')}",
        "",
        f"| {' | '.join(header)} |",
        f"| --- |{' ---: |' * (len(header) - 1)}",
    ]
    for method in order:
        if method in part["methods"]:
            one = part["methods"][method]
            cells = [written(one.get(column)) for column in columns]
            lines.append(f"| {method} | {' | '.join(cells)} | {_seconds(one)} |")
    return [*lines, ""]


def written(figure: Row | None) -> str:
    """Write a figure in hundredths, with its interval.

    >>> written({"value": 0.5, "low": 0.25, "high": 0.75}), written({"value": -0.011, "low": None, "high": None})
    ('50 (25 to 75)', '−1')
    """
    if figure is None or figure["value"] is None:
        return "–"
    value = points(figure["value"], 0)
    if figure["low"] is None:
        return value
    return f"{value} ({points(figure['low'], 0)} to {points(figure['high'], 0)})"


def _seconds(one: Row) -> str:
    value = one["seconds"]["value"]
    return "–" if value is None else f"{value:.0f}"
