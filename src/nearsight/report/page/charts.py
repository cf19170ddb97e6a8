"""Where the marks of the page's small drawings go: interval strips, and the curve of locality."""

from dataclasses import dataclass

from nearsight.diagnosis.locality.sizes import Locality
from nearsight.statistics import Estimate


@dataclass(frozen=True)
class Strip:
    """An estimate on a line: places from 0 to 100, None if there is nothing to mark."""

    point: float | None
    low: float | None
    high: float | None
    chance: float | None
    zero: float


def strip(estimate: Estimate, start: float = 0.0, end: float = 1.0) -> Strip:
    """Place an estimate, its interval and the value by chance on a line from `start` to `end`.

    >>> strip(Estimate(0.5, 0.25, 0.75, n=9, chance=0.1))
    Strip(point=50.0, low=25.0, high=75.0, chance=10.0, zero=0.0)

    Values beyond an end are marked at the end.
    """

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * min(1.0, max(0.0, (value - start) / (end - start))), 2)

    return Strip(
        place(estimate.value),
        place(estimate.low),
        place(estimate.high),
        place(estimate.chance),
        place(0.0) or 0.0,
    )


@dataclass(frozen=True)
class Point:
    """One mark of a curve with the ends of its interval, in pixels of the chart; y grows downwards."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class ChartLine:
    """One measure against tile size; `kind` names its colour and its mark."""

    kind: str
    label: str
    points: tuple[Point, ...]

    @property
    def line(self) -> str:
        """The points as for SVG's `polyline`."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


@dataclass(frozen=True)
class Level:
    """An accuracy without tiles of some size, as a line across the chart; `kind` names its look."""

    kind: str
    label: str
    y: float


@dataclass(frozen=True)
class LocalityChart:
    """The curves of locality, the levels across them, and the ticks of both axes, each with its place."""

    lines: tuple[ChartLine, ...]
    levels: tuple[Level, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]


LEFT, RIGHT, TOP, BOTTOM = 52.0, 628.0, 14.0, 252.0


def locality_chart(found: Locality) -> LocalityChart:
    """Return where accuracy and agreement against tile size are drawn, in a chart of 640 by 300 pixels."""
    sizes = found.sizes
    measures = (
        ("agreement", f"agreement with {found.against} ({found.protocol})"),
        ("accuracy", f"accuracy of the tiles together ({found.protocol})"),
        ("single", "accuracy of one tile (single-tile)"),
    )
    across = (
        ("own", f"accuracy of {found.against} ({found.decided})", found.own),
        ("whole", "accuracy of the full pass, by which it does not decide", found.whole),
    )
    tiles = [row.tile for row in sizes]
    first, span = min(tiles), max(max(tiles) - min(tiles), 1)

    def x(tile: int) -> float:
        return round(LEFT + 24 + (RIGHT - LEFT - 48) * (tile - first) / span, 1)

    def y(share: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * share, 1)

    def points(measure: str) -> tuple[Point, ...]:
        found = ((row.tile, getattr(row, measure)) for row in sizes)
        return tuple(
            Point(
                x(tile),
                y(one.value),
                y(one.value if one.low is None else one.low),
                y(one.value if one.high is None else one.high),
            )
            for tile, one in found
            if one.value is not None
        )

    return LocalityChart(
        tuple(ChartLine(measure, label, points(measure)) for measure, label in measures),
        tuple(
            Level(kind, label, y(one.value))
            for kind, label, one in across
            # Older files have no accuracy of the model's own decision.
            if found.own is not None and one is not None and one.value is not None
        ),
        tuple((x(tile), str(tile)) for tile in tiles),
        tuple((y(tenth / 4), f"{25 * tenth}") for tenth in range(5)),
    )
