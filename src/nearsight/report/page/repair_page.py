"""The page of a repair: the conclusion first, then what changed on the test images, and how it was made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nearsight.diagnosis.pictures import Picture
from nearsight.numbers import counted
from nearsight.progress import duration
from nearsight.repair.repairing import DIAGNOSED
from nearsight.repair.result import SIDE, Change, Example, FoundAgain, Repair, Repaired, written_change
from nearsight.report.figure_file import figure_uri
from nearsight.report.page.charts import strip
from nearsight.report.page.environment import render
from nearsight.report.page.going_on import after_repair
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
    ("shortcuts", "Removed"),
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


def write_repair_page(repair: Repair, path: Path, place: Path | None = None) -> None:
    """Write the page of a repair to a file, whole or not at all.

    >>> write_repair_page(Repair.load("repairs/scenes"), Path("report.html"))  # doctest: +SKIP

    The file needs no other files. It links to the diagnosis that chose if `place`, the directory where the page will
    be, contains one; by default it is that of `path`. Raises where `write_text` does.
    """
    write_text(path, repair_html(repair, path.parent if place is None else place))


def repair_html(repair: Repair, directory: Path | None = None) -> str:
    """Return the page of a repair as HTML text, for a directory that may contain the diagnosis that chose."""
    _, *further = repair.sentences()
    costs = [("of the run before", repair.cost_before), ("of the repair", repair.cost)]
    return render(
        "repair.html.j2",
        repair=repair,
        sections=_SECTIONS,
        further=further,
        drawn=figure_uri(repair_figure(repair)),
        diagnosed=_CHOSEN_BY if directory is not None and (directory / _CHOSEN_BY).is_file() else None,
        rows=[repair.overall, *repair.groups],
        glance=at_a_glance(repair),
        lost=repair.lost,
        costs=[(name, cost) for name, cost in costs if cost is not None],
        method=method_sentences(repair),
        examples=list(_examples(repair)),
        picture=lambda one: data_uri(repair.pictures.encoded(Picture(one.index, SIDE))),
        reach=_reach,
        scaled=scaled,
        strip=strip,
        steps=[after_repair(repair)],
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


@dataclass(frozen=True)
class Glance:
    """A row of what a reader wants to know first, in words: before, after, and the change if it is one of images."""

    what: str
    before: str
    after: str
    change: str = ""


def at_a_glance(repair: Repair) -> list[Glance]:
    """Return the answers to what a reader asks first: better, at what cost, and is the shortcut gone?

    >>> at_a_glance(Repair.load("repairs/scenes"))[0].what  # doctest: +SKIP
    'right, all test images'
    """
    overall = repair.overall
    rows = [
        Glance(
            "right, all test images",
            whole_per_cent(overall.before),
            whole_per_cent(overall.after),
            written_change(overall.change),
        )
    ]
    if repair.worst is not None:
        before, after = repair.worst
        rows.append(
            Glance(
                "right, worst group",
                f"{whole_per_cent(before.before)}, {before.name}",
                f"{whole_per_cent(after.after)}, {after.name}",
                written_change(before.change) if before is after else "",
            )
        )
    if repair.moved:
        most = max(repair.moved, key=lambda one: one.after.value or 0.0)
        named = most.shortcut if len(repair.moved) > 1 else None
        which = "it" if named is None else repair.shortcuts[named].words
        rows.append(
            Glance(
                f"others with {which} put on that {most.name}",
                whole_per_cent(most.before),
                whole_per_cent(most.after),
                written_change(most.change),
            )
        )
    if len(repair.shortcuts) == 1:
        rows += (
            Glance(
                "right, if half of every class had it",
                whole_per_cent(one.before),
                whole_per_cent(one.after),
                written_change(one.change),
            )
            for one in repair.saying_nothing
        )
    told = [
        "not diagnosed again" if some is None else _counted(some, which)
        for some, which in ((repair.before, "to be removed"), (repair.after, "still there"))
    ]
    rows.append(Glance("verdicts on test images", *told))
    lost = ", ".join(one.name for one in repair.lost)
    rows.append(
        Glance(
            "classes that lost accuracy",
            "–",
            f"{len(repair.lost)} of {len(repair.classes)}: {lost}" if lost else "none is proven",
        )
    )
    costs = (repair.cost_before, repair.cost)
    rows.append(
        Glance(
            "training",
            *(
                "–" if one is None else f"{counted(one.steps, 'step')}, {duration(one.seconds)}"
                for one in costs
            ),
        )
    )
    return rows


def _counted(verdicts: Sequence[FoundAgain], which: str) -> str:
    """Say how many verdicts are those that were to be removed, which are called `which`, and how many are others."""
    meant = sum(one.repaired for one in verdicts)
    others = len(verdicts) - meant
    return f"{meant or 'none'} {which}, {others or 'no'} other{'' if others == 1 else 's'}"


def _reach(changes: Sequence[Change]) -> float:
    ends = (abs(end) for row in changes for end in (row.change.low, row.change.high) if end is not None)
    return ROOM * max(ends, default=0.0) or 1.0
