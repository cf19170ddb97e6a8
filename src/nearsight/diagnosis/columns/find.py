"""Finding columns and facts of files that go with a class: a camera, a folder, a format, a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.value_groups import FILE, column_values, image_columns
from nearsight.diagnosis.attributes.edits import COMPRESSED
from nearsight.diagnosis.candidates import TABLE, Candidate, Edit, Examined
from nearsight.diagnosis.columns.rules import LEAST, Rule, rules_of
from nearsight.diagnosis.columns.words import kind_of
from nearsight.statistics import area_under_curve, false_discovery

if TYPE_CHECKING:
    import pyarrow as pa

# The share of all findings, over columns, values and classes, that may be chance.
FALSE_DISCOVERIES = 0.05
# The least gap between the share of a class's images that have it and that of the others: a smaller gap hardly
# helps.
LEAST_GAP = 0.1
# What more of the other images have than this does not belong to one class.
MOST_ELSEWHERE = 0.5
# The most values of one column that are named for one class.
MOST_OF_A_COLUMN = 3
# Rules that share this many of their images become one, and the first describes it best.
SAME = 0.95
# If facts of files say the same thing, the first in this list is named; the set's own columns come before all.
_ORDER = (
    *("folder", "camera_model", "camera_make", "software", "taken", "format", "jpeg_quality", "mode"),
    *("bits", "aspect", "width", "height", "orientation", "fault"),
)
# If format, quality and size are equal, a file is large because its picture has much detail. That belongs to the
# object, and goes with the class, and with accuracy, whenever some pictures have more detail.
OF_THE_PICTURE = f"{FILE}bytes"


def find_columns(examined: Examined) -> Iterator[Candidate]:
    """Yield what in the set's columns and files goes with a class, among the images that choose.

    A value, a period of time, or one side of a number goes with a class if more of its images have it than of the
    others. The test is Fisher's exact one, at a false discovery rate of 5 % over all columns, values and classes.
    Five images of the class must have it, and its share must be 10 points above that of the others, of which less
    than half may have it. All columns have the same weight, however many values they have (Genovese, Roeder and
    Wasserman, Biometrika 93, 2006). Of one number the best side is named, of values up to three; what nearly the
    same images have is named once. Two kinds are left out: columns with a different value for every image, and
    the size of files. If format, quality and sides are equal, the size says how much detail a picture has; if
    they are not, they are named themselves.
    """
    rules = [
        rule
        for name, column in _ordered(examined)
        for rule in rules_of(column_values(name, column), examined.choosing)
    ]
    if not rules:
        return
    found = _associated(rules, examined)
    for class_number in np.unique(found.classes).tolist():
        mine = found.of_class(class_number)
        for place in _named(rules, mine, examined.choosing):
            yield _candidate(rules[place], class_number, examined)


def _ordered(examined: Examined) -> list[tuple[str, "pa.ChunkedArray"]]:
    table = image_columns(examined.images, examined.progress)
    rank = {f"{FILE}{fact}": place for place, fact in enumerate(_ORDER)}
    names = sorted(table.column_names, key=lambda name: rank.get(name, -1))
    return [(name, table[name]) for name in names if name != OF_THE_PICTURE]


@dataclass(frozen=True, eq=False)
class _Associated:
    """Pairs of a rule and a class that go together, and how many more of the class have it, each (pairs,)."""

    rules: NDArray[np.int64]
    classes: NDArray[np.int64]
    gap: NDArray[np.float64]

    def of_class(self, number: int) -> list[tuple[int, float]]:
        """Return the rules of a class with their gaps, the widest first; of equal gaps, the first rule first."""
        mine = np.flatnonzero(self.classes == number)
        order = mine[np.lexsort((self.rules[mine], -self.gap[mine].round(9)))]
        return [(int(self.rules[k]), float(self.gap[k])) for k in order]


def _associated(rules: Sequence[Rule], examined: Examined) -> _Associated:
    from scipy.stats import hypergeom

    choosing = examined.choosing
    labels = examined.labels[choosing]
    classes, images = len(examined.images.classes), len(labels)
    of_class = np.bincount(labels, minlength=classes)
    having = np.stack([np.bincount(labels[rule.has[choosing]], minlength=classes) for rule in rules])
    of_rule = having.sum(1, keepdims=True)
    expected = of_rule * of_class / images
    with np.errstate(divide="ignore", invalid="ignore"):
        elsewhere = (of_rule - having) / (images - of_class)
        gap = having / of_class - elsewhere
        spread = np.sqrt(expected * (1 - of_class / images) * (images - of_rule) / max(1, images - 1))
        worth = (having >= LEAST) & (having - expected > 2 * spread) & np.isfinite(gap)
    # What is no more frequent than by chance keeps a probability of 1, which can only hide others.
    chance = np.ones(having.shape)
    rule_of, class_of = np.nonzero(worth)
    chance[worth] = hypergeom.sf(having[worth] - 1, images, of_rule[rule_of, 0], of_class[class_of])
    weighted = np.minimum(1.0, chance / _weights(rules)[:, None])
    believed = false_discovery(weighted.ravel()).reshape(chance.shape) <= FALSE_DISCOVERIES
    rule_of, class_of = np.nonzero(believed & worth & (gap >= LEAST_GAP) & (elsewhere < MOST_ELSEWHERE))
    return _Associated(rule_of, class_of, gap[rule_of, class_of])


def _weights(rules: Sequence[Rule]) -> NDArray[np.float64]:
    """Return a weight for each rule, 1 on average: all columns weigh the same, whatever their number of rules."""
    _, column, counts = np.unique([rule.column for rule in rules], return_inverse=True, return_counts=True)
    return np.asarray(len(rules) / (len(counts) * counts[column]), dtype=np.float64)


def _named(
    rules: Sequence[Rule], mine: Sequence[tuple[int, float]], choosing: NDArray[np.bool_]
) -> Iterator[int]:
    """Yield the rules that are named for a class: few per column, none twice, in the order of the columns."""
    chosen: dict[str, list[int]] = {}
    for place, _ in mine:
        rule, kept = rules[place], chosen.setdefault(rules[place].column, [])
        apart = not any((rules[other].has & rule.has).any() or rules[other].graded for other in kept)
        if not kept or (apart and not rule.graded and len(kept) < MOST_OF_A_COLUMN):
            kept.append(place)
    seen: list[NDArray[np.bool_]] = []
    for place in sorted(place for kept in chosen.values() for place in kept):
        has = rules[place].has[choosing]
        if any((has & other).sum() >= SAME * (has | other).sum() for other in seen):
            continue
        seen.append(has)
        yield place


def _candidate(rule: Rule, class_number: int, examined: Examined) -> Candidate:
    return Candidate(
        class_number=class_number,
        attribute=kind_of(rule.column),
        words=rule.words,
        artefact=True,
        has=rule.has,
        value=rule.value,
        effect=_effect(rule, class_number, examined),
        seen_in=TABLE,
        put_on=_compression(rule),
    )


def _effect(rule: Rule, class_number: int, examined: Examined) -> float:
    """Return how often an image of the class that has it has more of it than one of another class."""
    mine = examined.labels == class_number
    ours = rule.value[examined.choosing & mine & rule.has]
    theirs = rule.value[examined.choosing & ~mine & ~np.isnan(rule.value)]
    if not len(ours) or not len(theirs):
        return 1.0
    return max(0.5, area_under_curve(ours, theirs))


def _compression(rule: Rule) -> Edit | None:
    """Return what saves a picture at the quality of a rule, if the rule is a single JPEG quality."""
    if rule.column == f"{FILE}jpeg_quality" and rule.number is not None:
        return COMPRESSED.edit(100 - rule.number)
    return None
