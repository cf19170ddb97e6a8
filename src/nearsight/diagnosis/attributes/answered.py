"""Edits that the classifier answers with a class, and images of this class that look as if they had been made."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.explaining import Recogniser
from nearsight.diagnosis.attributes.likeness import LIKENESSES, Likeness
from nearsight.diagnosis.attributes.looks import Looks, looks_of
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_set_off
from nearsight.diagnosis.attributes.scaling import Scale
from nearsight.diagnosis.attributes.surroundings import BACKGROUNDS, LIGHTS
from nearsight.diagnosis.candidates import MANY_CAUSES, Candidate, Edit, Examined
from nearsight.statistics import area_under_curve, jaccard

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

Values = NDArray[np.float32]
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Classes with fewer images that choose are skipped; with more classes than this, too few images of each are asked.
FEWEST, MOST_CLASSES = 20, 50
# Images on which the classifier is asked about each edit. It answers with a class if so many of them become it, and
# so many times as many as become any one other class; or if the class's score rises by so many standard errors, and
# by more than those of all but so many others.
ASKED, ANSWERS, TIMES = 32, 3, 3.0
RISES, AMONG = 4.0, 2
# Images of other classes that are edited: to see which edits some of a class may have had, and to learn what one of
# these makes of images; and at least so many.
SCREENED, LEARNED, LEAST = 24, 112, 8
# How far a group must be set off, how many times as frequent as elsewhere it must be, and at most how many times as
# far as the edited images, or they as it, in the median, for an edit to be learned. Of a class and in all.
WORTH, RARE, NEAR_ENOUGH = 0.4, 3.0, 4.0
OF_CLASS, IN_ALL = 3, 10
# Covariances are shrunk by this share.
SHRUNK = 0.1
# Images that rules grow from are judged by what was learned from others, in so many parts.
PARTS = 3
# The trees of a forest that tells edited images from plain ones.
TREES = 60
# The same for a group that is found.
SET_OFF, CLEAN, AS_FAR = 0.6, 10.0, 2.0
# The few that are farthest of a class are no group: it must be this share of the class.
SHARE = 0.12
# It may be this many times as frequent if the edit makes the class's others look like it for so much of the way.
LESS_CLEAN, EXPLAINED = 7.0, 0.4
# Groups of a class that share this many images become one.
SAME, MOST_OF_A_CLASS = 1 / 3, 2
# Of those nearly as clear as the clearest, the edit that does the most alike is used.
NEAR = 0.85
# The shares of other images that may lie beyond a threshold, tried in turn.
ELSEWHERE = (0.05, 0.02, 0.01)
# Images on which the strength of an edit is found.
PICTURES = 8

_LINES = tuple(edits.waves(frequency) for frequency in ((0.5, 0.0), (0.0, 0.5)))
MORE = (
    Likeness("lines across", "fine horizontal lines", _LINES[0][0], (), _LINES[0][1]),
    Likeness("lines down", "fine vertical lines", _LINES[1][0], (), _LINES[1][1]),
    Likeness("thin lines", "thin dark lines, as of hairs", edits.HAIRED, (), edits.MEDIAN),
    Likeness("light spot", "a bright spot of light", edits.GLOWING, (), edits.VEIL),
    *BACKGROUNDS,
    *LIGHTS,
)


def find_answered(looks: Looks) -> Iterator[Candidate]:
    """Yield what looks as if some images of a class had been edited in a way that the classifier answers with it.

    The classifier is asked first: which edits make images of other classes more like this class? Only these are
    looked for, so that a weak trace is not lost among many. 24 images that choose are edited, and measured as all
    are. The direction in which looks differ between these and the same images unedited, relative to how images of
    other classes vary (linear discriminant analysis with a shrunk covariance; Friedman, JASA 84, 1989), gives each
    image one number, learned from others. Where some of the class lie apart, 112 images are edited, as strongly as
    these seem to be, and a forest tells them from unedited ones as well. The class's images beyond a threshold on the
    sum of both count if they are set off, or a separate group, if they are ten times as frequent in the class as
    elsewhere, minus a standard error (seven times, if the edit explains how they look), and if they lie half to twice
    as far as the edited images. Whether it is a shortcut is left to images that test.
    """
    examined = looks.examined
    classes = looks.classes(FEWEST)
    if not 2 <= len(classes) <= MOST_CLASSES:
        return
    scale = Scale.of(looks.of_grown)
    seen = _Seen(looks, scale, scale(looks.of_grown))
    found: dict[int, list[_Found]] = defaultdict(list)
    answered = list(_answers(examined, classes))
    worth_learning = seen.worth_learning(answered)
    for done, worth in enumerate(worth_learning, start=1):
        one = seen.found(worth)
        if one is not None:
            found[worth.number].append(one)
        examined.progress.count("looking for images with traces of these edits", done, len(worth_learning))
    for one in chain.from_iterable(map(seen.distinct, found.values())):
        candidate = seen.candidate(one)
        if seen.clean(one, candidate):
            yield replace(candidate, pictured=pictured(examined, looks.values, candidate))


def asked_about() -> list[Likeness]:
    """Return all edits that the classifier is asked about, one of each way."""
    return list({one.way: one for one in (*LIKENESSES, *OTHERS, *MORE)}.values())


def middle_strength(way: Way) -> float:
    """Return the strength with which the classifier is asked."""
    return way.strengths[len(way.strengths) // 2]


def _answers(examined: Examined, classes: Sequence[int]) -> Iterator[tuple[Likeness, list[int]]]:
    """Yield the edits that are answered with classes, and these classes."""
    drawn = np.random.default_rng((examined.seed, 11)).permutation(np.flatnonzero(examined.choosing))[:ASKED]
    pictures, labels, decision = examined.pictures_at(drawn), examined.labels[drawn], examined.decision
    before = _relative(decision.scores_of(pictures, lambda picture: picture))
    ways = asked_about()
    for done, likeness in enumerate(ways, start=1):
        after = _relative(decision.scores_of(pictures, likeness.way.edit(middle_strength(likeness.way))))
        examined.progress.count("asking what edited images are taken for", done, len(ways))
        answered = _answered(before, after, labels, classes)
        if answered:
            yield likeness, answered


def _relative(scores: Values) -> Values:
    return np.asarray(scores - scores.mean(1, keepdims=True))


def _answered(before: Values, after: Values, labels: NDArray[np.int64], classes: Sequence[int]) -> list[int]:
    """Return the classes that images become, or whose scores rise most, of images of other classes."""
    others = labels[:, None] != np.arange(before.shape[1])
    was, now = (scores.argmax(1)[:, None] == np.arange(scores.shape[1]) for scores in (before, after))
    become = (now & ~was & others).sum(0)[classes]
    # Means over images of other classes; of none, if all that were asked about are of one class.
    share = others[:, classes] / np.maximum(others[:, classes].sum(0), 1)
    rises = (after - before)[:, classes]
    mean = (share * rises).sum(0)
    spread = (share * (rises - mean) ** 2).sum(0) ** 0.5
    sure = mean >= RISES * np.maximum(spread, 1e-6) / np.maximum(others[:, classes].sum(0), 1) ** 0.5
    first = mean >= np.sort(mean)[-min(AMONG, len(mean))]
    beside = (become.sum() - become) / (len(classes) - 1)
    clear = become >= np.maximum(ANSWERS, TIMES * beside)
    return [number for number, answers in zip(classes, clear | (sure & first), strict=True) if answers]


@dataclass(frozen=True, eq=False)
class _Direction:
    """A linear discriminant: 0 for plain images on the average, 1 for edited ones.

    `common` is the covariance of looks, float64 (numbers, numbers).
    """

    weights: Numbers
    plain: Numbers
    common: Numbers

    @staticmethod
    def of(plain: Numbers, change: Numbers, common: Numbers) -> "_Direction":
        """Return that of a change, float64 (numbers,), of plain images, float64 (n, numbers)."""
        weights = np.linalg.solve(common, change)
        whole = max(float(weights @ change), 1e-9)
        return _Direction(np.asarray(weights / whole, dtype=np.float64), plain.mean(0), common)

    def __call__(self, looks: Numbers) -> Values:
        return np.asarray((looks - self.plain) @ self.weights, dtype=np.float32)


def _covariance(*some: Numbers) -> Numbers:
    """Return the shrunk covariance of images around the mean of the kind that each is of."""
    common = np.cov(np.concatenate([one - one.mean(0) for one in some]).T)
    width = len(common)
    # Of images that are all the same, nothing varies.
    steady = max(float(np.trace(common)) / width, 1e-6)
    return np.asarray((1 - SHRUNK) * common + SHRUNK * steady * np.eye(width))


@dataclass(frozen=True, eq=False)
class _Worth:
    """An edit that some images of a class may have had; `far` is how far they are, 1 as far as edited ones."""

    likeness: Likeness
    number: int
    clear: float
    far: float


@dataclass(frozen=True, eq=False)
class _Learned:
    """What tells edited images from plain ones: a direction and a forest, and the scale of both on plain images."""

    way: _Direction
    forest: "ExtraTreesClassifier"

    @staticmethod
    def of(plain: Numbers, before: Numbers, after: Numbers, seed: int) -> "_Learned":
        from sklearn.ensemble import ExtraTreesClassifier

        way = _Direction.of(plain, (after - before).mean(0), _covariance(plain, after))
        forest = ExtraTreesClassifier(
            TREES, min_samples_leaf=3, class_weight="balanced", random_state=seed
        ).fit(np.concatenate([plain, after]), np.repeat([False, True], [len(plain), len(after)]))
        return _Learned(way, forest)

    def __call__(self, looks: Numbers) -> Numbers:
        """Return how far images are along the direction, and how sure the forest is, float64 (n, 2)."""
        return np.stack([self.way(looks), self.forest.predict_proba(looks)[:, 1]], axis=1)


@dataclass(frozen=True, eq=False)
class _Found:
    """A threshold on how much images look like an edit's results; `score` is float32 (grown,).

    `change` is what the edit changes in looks, the mean over pictures. `middle` and `spread`, float64 (2,), put
    both parts of a score on one scale.
    """

    likeness: Likeness
    edit: Edit
    rule: Rule
    score: Values
    learned: _Learned
    middle: Numbers
    spread: Numbers
    change: Numbers

    def scored(self, looks: Numbers) -> Values:
        return _summed(self.learned(looks), self.middle, self.spread)


def _summed(parts: Numbers, middle: Numbers, spread: Numbers) -> Values:
    return np.asarray(((parts - middle) / spread).sum(1), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Seen:
    """The looks of images on one scale, and what edits make of them; `plain` are those of the grown, unedited."""

    looks: Looks
    scale: Scale
    plain: Numbers

    @property
    def examined(self) -> Examined:
        return self.looks.examined

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.examined.labels[self.looks.grown]

    def worth_learning(self, answered: Sequence[tuple[Likeness, list[int]]]) -> list[_Worth]:
        """Return the edits that some images of a class may have had, the clearest of a class and in all."""
        plain, labels = self.plain, self.labels
        places = np.random.default_rng((self.examined.seed, 10)).permutation(len(plain))[:SCREENED]
        common: dict[tuple[int, int], Numbers] = {}
        parts = np.arange(len(plain)) % PARTS
        worth: dict[int, list[_Worth]] = defaultdict(list)
        for done, (likeness, numbers) in enumerate(answered, start=1):
            edit = likeness.way.edit(middle_strength(likeness.way))
            self.examined.progress.count("looking for traces of these edits", done, len(answered))
            changes = self._edited(edit, places) - plain[places]
            for number in numbers:
                mine = labels == number
                of_others = ~mine[places]
                if of_others.sum() < LEAST:
                    continue
                # The class's own images are in no part: they are judged by all others.
                part = np.where(mine, PARTS, parts)
                score = np.empty(len(plain), dtype=np.float32)
                for k in range(PARTS + 1):
                    some = plain[~mine & (part != k)]
                    if (number, k) not in common:
                        common[number, k] = _covariance(some)
                    learned = of_others & (part[places] != k)
                    change = changes[learned if learned.any() else of_others].mean(0)
                    score[part == k] = _Direction.of(some, change, common[number, k])(plain[part == k])
                rule = rule_set_off(score, mine, WORTH, class_number=number)
                if rule is None or rule.times_as_frequent(mine) < RARE:
                    continue
                far = float(np.median(score[mine & rule.has(score)]))
                if 1 / NEAR_ENOUGH <= far <= NEAR_ENOUGH:
                    worth[number].append(_Worth(likeness, number, rule.clear, far))
        ordered = [sorted(some, key=lambda one: -one.clear)[:OF_CLASS] for some in worth.values()]
        # The clearest of each class come before the second of any.
        ranked = [(rank, -one.clear, one) for some in ordered for rank, one in enumerate(some)]
        return [one for *_, one in sorted(ranked, key=lambda ranked: ranked[:2])][:IN_ALL]

    def found(self, worth: _Worth) -> _Found | None:
        """Return the images of a class that look as if they had been edited; None if hardly any do."""
        plain, mine = self.plain, self.labels == worth.number
        places = np.random.default_rng((self.examined.seed, 12)).permutation(np.flatnonzero(~mine))[:LEARNED]
        strength = self._strength(worth, places[:PICTURES])
        edit = worth.likeness.way.edit(strength)
        before, after = plain[places], self._edited(edit, places)
        part = np.where(mine, PARTS, np.arange(len(plain)) % PARTS)
        parts = np.empty((len(plain), 2))
        for k in range(PARTS + 1):
            of_others = part[places] != k
            learned = _Learned.of(
                plain[~mine & (part != k)], before[of_others], after[of_others], self.examined.seed
            )
            parts[part == k] = learned(plain[part == k])
        middle, spread = parts[~mine].mean(0), np.maximum(parts[~mine].std(0), 1e-6)
        score = _summed(parts, middle, spread)
        for rule in _rules(score, mine, worth.number):
            if 1 / AS_FAR <= float(np.median(parts[mine & rule.has(score), 0])) <= AS_FAR:
                change = (after - before).mean(0)
                return _Found(worth.likeness, edit, rule, score, learned, middle, spread, change)
        return None

    def distinct(self, found: Sequence[_Found]) -> Iterator[_Found]:
        """Yield the clearest of a class; of those that nearly the same images have, the edit that does most alike."""
        left = sorted(found, key=lambda one: -one.rule.clear)
        for _ in range(MOST_OF_A_CLASS):
            if not left:
                return
            mine = self.labels == left[0].rule.class_number
            having = {id(one): mine & one.rule.has(one.score) for one in left}
            first = having[id(left[0])]
            same = [one for one in left if jaccard(first, having[id(one)]) >= SAME]
            near = [one for one in same if one.rule.clear >= NEAR * left[0].rule.clear]
            own = mine & ~first
            without = own if own.sum() >= PICTURES else ~mine
            apart = self.plain[first].mean(0) - self.plain[without].mean(0)
            yield max(near, key=lambda one: _alike(one.learned.way.common, apart, one.change))
            left = [one for one in left if not any(one is other for other in same)]

    def candidate(self, found: _Found) -> Candidate:
        """Return what was found as a possible shortcut."""
        looks, examined, rule = self.looks, self.examined, found.rule
        value = found.scored(self.scale(looks.of_all))
        value[looks.grown] = found.score
        value[np.isnan(looks.values).any(1)] = np.nan
        has, mine = rule.has(value), examined.labels == rule.class_number
        own = mine & ~has & examined.choosing
        without = own if own.sum() >= PICTURES else ~mine & ~has & examined.choosing
        pictures = examined.pictures(mine & has, PICTURES)

        def away(edit: Edit) -> float:
            made = found.scored(self.scale(np.stack([looks_of(edit(one)) for one in pictures])))
            return abs(float(np.median(made)) - float(np.median(value[without])))

        back = found.likeness.back
        return Candidate(
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

    def clean(self, found: _Found, candidate: Candidate) -> bool:
        """Say whether hardly any other images have it; a few more may if the edit explains how the images look."""
        examined, mine = self.examined, self.labels == found.rule.class_number
        if found.rule.times_as_frequent(mine) >= CLEAN:
            return True
        group = (examined.labels == candidate.class_number) & candidate.has
        own = (examined.labels == candidate.class_number) & ~candidate.has
        enough = (own & examined.choosing).sum() >= PICTURES
        recogniser = Recogniser.of(examined, group, own if enough else ~group & ~candidate.has)
        return recogniser is not None and recogniser.explained(found.edit) >= EXPLAINED

    def _edited(self, edit: Edit, places: NDArray[np.int64]) -> Numbers:
        pictures = self.examined.pictures_at(self.looks.grown[places])
        return self.scale(np.stack([looks_of(edit(one)) for one in pictures]))

    def _strength(self, worth: _Worth, places: NDArray[np.int64]) -> float:
        """Return the strength at which an edit changes looks about as much as some images seem to have changed."""
        strengths = worth.likeness.way.strengths
        middle = len(strengths) // 2
        last = len(strengths) - 1
        tried = {len(strengths) // 5, (len(strengths) // 5 + middle) // 2, (middle + last) // 2, last}
        plain = self.plain[places]

        def change(place: int) -> Numbers:
            edit = worth.likeness.way.edit(strengths[place])
            return np.asarray((self._edited(edit, places) - plain).mean(0), dtype=np.float64)

        of_middle = change(middle)
        whole = max(float(of_middle @ of_middle), 1e-9)
        # Relative to the strength that was asked about.
        far = {place: float(change(place) @ of_middle) / whole for place in tried}
        far[middle] = 1.0
        return strengths[min(far, key=lambda place: abs(far[place] - worth.far))]


def _rules(score: Values, mine: Mask, number: int) -> Iterator[Rule]:
    """Yield thresholds beyond which images of a class are set off, and hardly any others lie, the lowest first."""
    for most in ELSEWHERE:
        rule = rule_set_off(score, mine, SET_OFF, class_number=number, most_elsewhere=most)
        if rule is not None and rule.share >= SHARE and rule.times_as_frequent(mine) >= LESS_CLEAN:
            yield rule


def _alike(common: Numbers, one: Numbers, other: Numbers) -> float:
    """Return the cosine between two changes of looks, relative to how looks vary anyway."""
    both = np.stack([one, other])
    products = both @ np.linalg.solve(common, both.T)
    return float(products[0, 1] / max((products[0, 0] * products[1, 1]) ** 0.5, 1e-9))
