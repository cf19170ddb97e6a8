"""Edits that the classifier answers with a class, and images of this class that look as if they had been made."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.likeness import LIKENESSES, Likeness
from nearsight.diagnosis.attributes.looks import Looks, looks_of
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_set_off
from nearsight.diagnosis.attributes.scaling import Scale
from nearsight.diagnosis.candidates import MANY_CAUSES, Candidate, Edit, Examined
from nearsight.statistics import area_under_curve, jaccard

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Classes with fewer images that choose are skipped; with more classes than this, too few images of each are asked.
FEWEST, MOST_CLASSES = 20, 50
# Images on which the classifier is asked about each edit. It answers with a class if so many of them become it, and
# so many times as many as become any one other class.
ASKED, ANSWERS, TIMES = 32, 3, 3.0
# Ways that are looked into, of a class and in all, and images that are edited for each strength.
OF_CLASS, IN_ALL, EDITED = 4, 14, 64
# Covariances are shrunk by this share.
SHRUNK = 0.1
# Images that rules grow from are judged by what was learned from others, in so many parts.
PARTS = 4
# How far a group must be set off, how many times as frequent as elsewhere it must be, and at most how many times as
# far as the edited images, or they as it, in the median.
SET_OFF, CLEAN, AS_FAR = 0.7, 10.0, 2.0
# Groups of a class that share this many images become one.
SAME, MOST_OF_A_CLASS = 1 / 3, 2
# Of those nearly as clear as the clearest, and of at most so many, the edit that does the most alike is used.
NEAR, MOST_COMPARED = 0.85, 8
# The shares of other images that may lie beyond a threshold, tried in turn.
ELSEWHERE = (0.05, 0.02, 0.01)
# Images on which the strength of the edit that removes it is found.
PICTURES = 8

_LINES = tuple(edits.waves(frequency) for frequency in ((0.5, 0.0), (0.0, 0.5)))
MORE = (
    Likeness("lines across", "fine horizontal lines", _LINES[0][0], (), _LINES[0][1]),
    Likeness("lines down", "fine vertical lines", _LINES[1][0], (), _LINES[1][1]),
    Likeness("thin lines", "thin dark lines, as of hairs", edits.HAIRED, (), edits.MEDIAN),
    Likeness("light spot", "a bright spot of light", edits.GLOWING, (), edits.VEIL),
)


def find_answered(looks: Looks) -> Iterator[Candidate]:
    """Yield what looks as if some images of a class had been edited in a way that the classifier answers with it.

    The classifier is asked first: which edits make images of other classes this class? Only these are looked for,
    so that a weak trace is not lost among many. 64 images that choose are edited, and measured as all are. The
    direction in which looks differ most between these and unedited images of other classes, relative to how these
    vary anyway (linear discriminant analysis with a shrunk covariance; Friedman, JASA 84, 1989), gives each
    image one number, learned from others. The class's images beyond a threshold count if they are set off, or a
    separate group, if they are ten times as frequent in the class as elsewhere, minus a standard error, and if
    they lie half to twice as far as the edited images. Whether it is a shortcut is left to images that test.
    """
    examined = looks.examined
    classes = looks.classes(FEWEST)
    if not 2 <= len(classes) <= MOST_CLASSES:
        return
    found: dict[int, list[_Found]] = defaultdict(list)
    answered = _answers(examined, classes)
    places = np.random.default_rng((examined.seed, 10)).permutation(len(looks.grown))[:EDITED]
    scale = Scale.of(looks.of_grown)
    for done, (likeness, numbers) in enumerate(answered, start=1):
        for strength in strengths_of(likeness.way):
            edit = likeness.way.edit(strength)
            pictures = examined.pictures_at(looks.grown[places])
            edited = scale(np.stack([looks_of(edit(one)) for one in pictures]))
            for number in numbers:
                one = _found(looks, scale, number, likeness, edit, edited, places)
                if one is not None:
                    found[number].append(one)
        examined.progress.count("looking for traces of these edits", done, len(answered))
    for one in chain.from_iterable(_distinct(looks, scale, some) for some in found.values()):
        yield _candidate(looks, scale, one)


def asked_about() -> list[Likeness]:
    """Return all edits that the classifier is asked about, one of each way."""
    return list({one.way: one for one in (*LIKENESSES, *OTHERS, *MORE)}.values())


def strengths_of(way: Way) -> tuple[float, float]:
    """Return a weak and a middle strength."""
    count = len(way.strengths)
    return way.strengths[count // 5], way.strengths[count // 2]


def _answers(examined: Examined, classes: Sequence[int]) -> list[tuple[Likeness, list[int]]]:
    """Return the edits that are answered with a class, and these classes: a few of each, the clearest."""
    drawn = np.random.default_rng((examined.seed, 11)).permutation(np.flatnonzero(examined.choosing))[:ASKED]
    pictures, labels, decision = examined.pictures_at(drawn), examined.labels[drawn], examined.decision
    # The classifier is not asked about images that only choose.
    before = np.where(examined.asked[drawn], examined.predictions[drawn], labels)
    answers: list[tuple[float, int, int]] = []
    ways = asked_about()
    for row, likeness in enumerate(ways):
        after = decision.predictions_of(pictures, likeness.way.edit(strengths_of(likeness.way)[1]))
        examined.progress.count("asking what edited images are taken for", row + 1, len(ways))
        become = np.array([((after == n) & (before != n) & (labels != n)).sum() for n in classes])
        for column, number in enumerate(classes):
            others = np.delete(become, column)
            if become[column] >= max(ANSWERS, TIMES * others.mean()):
                answers.append((float(become[column]), row, number))
    answers.sort(key=lambda answer: -answer[0])
    of_class: dict[int, int] = defaultdict(int)
    kept: dict[int, list[int]] = {}
    for _, row, number in answers:
        of_class[number] += 1
        if of_class[number] <= OF_CLASS and (row in kept or len(kept) < IN_ALL):
            kept.setdefault(row, []).append(number)
    return [(ways[row], numbers) for row, numbers in kept.items()]


@dataclass(frozen=True, eq=False)
class _Direction:
    """A linear discriminant: 0 for plain images on the average, 1 for edited ones.

    `common` is the covariance of both, float64 (numbers, numbers).
    """

    weights: NDArray[np.float64]
    plain: NDArray[np.float64]
    common: NDArray[np.float64]

    @staticmethod
    def of(plain: NDArray[np.float64], edited: NDArray[np.float64]) -> "_Direction":
        middle, apart = plain.mean(0), edited.mean(0) - plain.mean(0)
        common = np.cov(np.concatenate([plain - middle, edited - edited.mean(0)]).T)
        width = len(common)
        common = (1 - SHRUNK) * common + SHRUNK * np.trace(common) / width * np.eye(width)
        weights = np.linalg.solve(common, apart)
        return _Direction(weights / max(float(weights @ apart), 1e-9), middle, common)

    def __call__(self, looks: NDArray[np.float64]) -> Values:
        return np.asarray((looks - self.plain) @ self.weights, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Found:
    """A threshold on how much images look like an edit's results; `score` is float32 (grown,).

    `change` is what the edit changes in looks, the mean over pictures.
    """

    likeness: Likeness
    edit: Edit
    rule: Rule
    score: Values
    way: _Direction
    change: NDArray[np.float64]

    @property
    def clear(self) -> float:
        return self.rule.pure * (self.rule.share - self.rule.elsewhere)


def _found(
    looks: Looks,
    scale: Scale,
    number: int,
    likeness: Likeness,
    edit: Edit,
    edited: NDArray[np.float64],
    places: NDArray[np.int64],
) -> _Found | None:
    plain, labels = scale(looks.of_grown), looks.examined.labels[looks.grown]
    mine = labels == number
    of_others = ~mine[places]
    part = np.where(mine, PARTS, np.arange(len(plain)) % PARTS)
    score = np.empty(len(plain), dtype=np.float32)
    # The class's own images are in no part: they are judged by all others.
    for k in range(PARTS + 1):
        way = _Direction.of(plain[~mine & (part != k)], edited[of_others & (part[places] != k)])
        score[part == k] = way(plain[part == k])
    for rule in _rules(score, mine, number):
        if 1 / AS_FAR <= float(np.median(score[mine & rule.has(score)])) <= AS_FAR:
            return _Found(likeness, edit, rule, score, way, (edited - plain[places])[of_others].mean(0))
    return None


def _rules(score: Values, mine: Mask, number: int) -> Iterator[Rule]:
    """Yield thresholds beyond which images of a class are set off, and hardly any others lie, the lowest first."""
    for most in ELSEWHERE:
        rule = rule_set_off(score, mine, SET_OFF, class_number=number, most_elsewhere=most)
        if rule is not None and rule.times_as_frequent(mine) >= CLEAN:
            yield rule


def _distinct(looks: Looks, scale: Scale, found: Sequence[_Found]) -> Iterator[_Found]:
    """Yield the clearest of a class; of those that nearly the same images have, the edit that does most alike."""
    left = sorted(found, key=lambda one: -one.clear)[:MOST_COMPARED]
    for _ in range(MOST_OF_A_CLASS):
        if not left:
            return
        mine = looks.examined.labels[looks.grown] == left[0].rule.class_number
        having = {id(one): mine & one.rule.has(one.score) for one in left}
        first = having[id(left[0])]
        same = [one for one in left if jaccard(first, having[id(one)]) >= SAME]
        near = [one for one in same if one.clear >= NEAR * left[0].clear]
        own = mine & ~first
        without = own if own.sum() >= PICTURES else ~mine
        plain = scale(looks.of_grown)
        apart = plain[first].mean(0) - plain[without].mean(0)
        yield max(near, key=lambda one: _alike(one.way.common, apart, one.change))
        left = [one for one in left if not any(one is other for other in same)]


def _alike(common: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the cosine between two changes of looks, relative to how looks vary anyway."""
    both = np.stack([one, other])
    products = both @ np.linalg.solve(common, both.T)
    return float(products[0, 1] / max((products[0, 0] * products[1, 1]) ** 0.5, 1e-9))


def _candidate(looks: Looks, scale: Scale, found: _Found) -> Candidate:
    examined, rule = looks.examined, found.rule
    value = found.way(scale(looks.of_all))
    value[looks.grown] = found.score
    value[np.isnan(looks.values).any(1)] = np.nan
    has, mine = rule.has(value), examined.labels == rule.class_number
    own = mine & ~has & examined.choosing
    without = own if own.sum() >= PICTURES else ~mine & ~has & examined.choosing
    pictures = examined.pictures(mine & has, PICTURES)

    def away(edit: Edit) -> float:
        made = found.way(scale(np.stack([looks_of(edit(one)) for one in pictures])))
        return abs(float(np.median(made)) - float(np.median(value[without])))

    back = found.likeness.back
    candidate = Candidate(
        class_number=rule.class_number,
        attribute=found.likeness.attribute,
        words=found.likeness.words,
        artefact=True,
        has=has,
        value=value,
        effect=area_under_curve(
            value[mine & has & examined.choosing], value[looks.grown][~mine[looks.grown]]
        ),
        put_on=found.edit,
        take_off=min((back.edit(strength) for strength in back.strengths), key=away)
        if len(pictures)
        else None,
        causes=MANY_CAUSES,
    )
    return replace(candidate, pictured=pictured(examined, looks.values, candidate))
