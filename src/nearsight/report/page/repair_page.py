"""The page of a repair: the conclusion first, then what changed on the test images, and how it was made."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from nearsight.diagnosis.pictures import Picture
from nearsight.repair.repairing import DIAGNOSED
from nearsight.repair.result import LEAST, SIDE, Change, Example, Repair, Repaired, written_change
from nearsight.report.figure_file import figure_uri
from nearsight.report.page.charts import strip
from nearsight.report.page.environment import render
from nearsight.report.page.pictures import data_uri
from nearsight.report.repair_chart import repair_figure
from nearsight.statistics.writing import scaled, whole_per_cent
from nearsight.write import write_text

# Where a repair keeps the page of the diagnosis that chose.
_CHOSEN_BY = f"{DIAGNOSED}/report.html"
# The drawings of changes extend a little beyond the widest interval.
ROOM = 1.05
_SECTIONS = (
    ("summary", "Conclusion"),
    ("shortcuts", "Taken away"),
    ("accuracy", "Accuracy"),
    ("moved", "Put on others"),
    ("verdicts", "Verdicts"),
    ("elsewhere", "Lost elsewhere"),
    ("cost", "Cost"),
    ("method", "Method"),
    ("examples", "Examples"),
)
_METHODS = {
    "swap": "`swap`: the shortcut was added to images of all classes alike, so that it no longer says anything about "
    "the class",
    "tiles": "`tiles`: tiles that show the shortcut were trained to say nothing: all classes equally likely",
    "last-layer": "`last-layer`: only the last layer was fitted again, on images balanced over with and without the "
    "shortcut",
    "groups": "`groups`: images of a class with the shortcut and without it were trained on equally often",
}


def write_repair_page(repair: Repair, path: Path) -> None:
    """Write the page of a repair to a file, whole or not at all.

    >>> write_repair_page(Repair.load("repairs/scenes"), Path("report.html"))  # doctest: +SKIP

    The file needs no other files. Raises where `write_text` does.
    """
    write_text(path, repair_html(repair, path.parent))


def repair_html(repair: Repair, directory: Path | None = None) -> str:
    """Return the page of a repair as HTML text, for a directory that may contain the diagnosis that chose."""
    conclusion, *further = repair.sentences()
    costs = [("of the run before", repair.cost_before), ("of the repair", repair.cost)]
    return render(
        "repair.html.j2",
        repair=repair,
        sections=_SECTIONS,
        conclusion=conclusion,
        further=further,
        drawn=figure_uri(repair_figure(repair)),
        diagnosed=_CHOSEN_BY if directory is not None and (directory / _CHOSEN_BY).is_file() else None,
        rows=[repair.overall, *repair.groups],
        worst=_worst(repair.groups),
        lost=repair.lost,
        costs=[(name, cost) for name, cost in costs if cost is not None],
        method=method_sentences(repair),
        examples=list(_examples(repair)),
        picture=lambda one: data_uri(repair.pictures.encoded(Picture(one.index, SIDE))),
        reach=_reach,
        scaled=scaled,
        strip=strip,
    )


def method_sentences(repair: Repair) -> list[str]:
    """Say how a repair was made and what chose it, one sentence each."""
    began = (
        "the network was trained again, from scratch"
        if repair.from_scratch
        else "training started from the weights of the old run"
    )
    return [
        *(words for name, words in _METHODS.items() if name in repair.method.split(" and ")),
        *([] if repair.method == "last-layer" else [began]),
        f"training images chose what was to be removed: {repair.chosen_on}",
        f"everything random follows from seed {repair.seed}",
        *repair.notes,
    ]


def _examples(repair: Repair) -> Iterator[tuple[Repaired, list[Example], list[Example]]]:
    for place, one in enumerate(repair.shortcuts):
        own = [example for example in repair.examples if example.shortcut == place]
        yield one, [each for each in own if each.having], [each for each in own if not each.having]


def _worst(groups: Sequence[Change]) -> str | None:
    """Say which group is right least often before, and which after, among those that are large enough."""
    large = [one for one in groups if one.images >= LEAST and one.before.value is not None]
    if not large:
        return None
    before = min(large, key=lambda one: one.before.value or 0.0)
    after = min(large, key=lambda one: one.after.value or 0.0)
    told = (
        f"the worst group of at least {LEAST} images was {before.name}: {whole_per_cent(before.before)} before, "
        f"{whole_per_cent(before.after)} now, {written_change(before.change)}"
    )
    if after is before:
        return f"{told}; it is still the worst"
    return f"{told}; the worst is now {after.name}, {whole_per_cent(after.after)}"


def _reach(changes: Sequence[Change]) -> float:
    ends = (abs(end) for row in changes for end in (row.change.low, row.change.high) if end is not None)
    return ROOM * max(ends, default=0.0) or 1.0
