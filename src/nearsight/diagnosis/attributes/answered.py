"""Edits that the classifier answers with a class, and images of this class that look as if they had been made."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.discriminants import Direction, alike, precision_of
from nearsight.diagnosis.attributes.edits import Way, middle_strength
from nearsight.diagnosis.attributes.explaining import Recogniser
from nearsight.diagnosis.attributes.kinds import CHANNELS, SURROUNDINGS, TONES, UNEVEN_CAST, UNEVEN_LIGHT
from nearsight.diagnosis.attributes.likeness import LIKENESSES, Likeness
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.photo.catalogue import PHOTO_EDITS, photo_edits
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_set_off
from nearsight.diagnosis.attributes.scaling import Scale
from nearsight.diagnosis.attributes.surroundings import BACKGROUNDS, LIGHTS
from nearsight.diagnosis.candidates import MANY_CAUSES, Candidate, Edit, EditOf, Examined
from nearsight.diagnosis.decoded import DecodedImages
from nearsight.statistics import area_under_curve, jaccard

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

Values = NDArray[np.float32]
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Classes with fewer images that choose are skipped; with more classes than this, too few images of each are asked.
FEWEST, MOST_CLASSES = 20, 50
# If images have more pixels than this in the mean, the edits that are no photographs' take half an hour or more, too.
MOST_PIXELS = 2**22
# Images on which the classifier is asked about each edit. It answers with a class if so many of them become it, and
# so many times as many as become any one other class; or if the class's score rises by so many standard errors, and
# by more than those of all but so many others.
ASKED, ANSWERS, TIMES = 32, 3, 3.0
RISES, AMONG = 4.0, 3
# Images of other classes that are edited: to see which edits some of a class may have had, and to learn what one of
# these makes of images; and at least so many.
SCREENED, LEARNED, LEAST = 24, 112, 8
# How far a group must be set off, how many times as frequent as elsewhere it must be, and at most how many times as
# far as the edited images, or they as it, in the median, for an edit to be learned. Of a class and in all.
WORTH, RARE, NEAR_ENOUGH = 0.3, 2.0, 4.0
OF_CLASS, IN_ALL = 4, 14
# Of so many classes, the edit that makes this many of the asked images the class is learned in any case.
STRONGEST, MANY = 4, 8
# Images of other classes from which an edit is removed; what that takes from a class counts up to so many spreads.
UNDONE, FARTHEST = 400, 6.0
# How much looks count beside it.
SHARES_OF_LOOKS = (1.0, 2.0)
# Images that rules grow from are judged by what was learned from others, in so many parts.
PARTS = 3
# The trees of a forest that tells edited images from plain ones.
TREES = 60
# The same for a group that is found.
SET_OFF, CLEAN, AS_FAR = 0.6, 10.0, 2.0
# The same if it is also seen by what the class loses without it; how much less clear that is, for comparing edits.
LOSING_CLEAN, LOSING_SET_OFF, LOSING, LOSING_FAR = 15.0, 0.7, 0.6, 3.0
# The few that are farthest of a class are no group: it must be this share of the class.
SHARE = 0.17
# How many times as frequent what pictures may show by themselves must be: light and colours that differ from place to
# place, as above a horizon and in backgrounds, or between channels, and lines, as of rain and cracks.
_LINES = ("lines across", "lines down", "thin lines")
VERY_CLEAN, SHOWN = 20.0, frozenset({SURROUNDINGS, UNEVEN_LIGHT, UNEVEN_CAST, CHANNELS, TONES, *_LINES})
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

_WAVES = tuple(edits.waves(frequency) for frequency in ((0.5, 0.0), (0.0, 0.5)))
_WEAKER = ("fine detail", "upright detail")
# The same with half of the strengths: where one class has much of it, another that has little does not answer.
WEAK = tuple(
    replace(one, way=replace(one.way, strengths=one.way.strengths[: len(one.way.strengths) // 2 + 1]))
    for one in {one.way: one for one in (*LIKENESSES, *OTHERS)}.values()
    if one.attribute in _WEAKER
)
MORE = (
    Likeness("lines across", "fine horizontal lines", _WAVES[0][0], (), _WAVES[0][1]),
    Likeness("lines down", "fine vertical lines", _WAVES[1][0], (), _WAVES[1][1]),
    Likeness("thin lines", "thin dark lines, as of hairs", edits.HAIRED, (), edits.CLOSED),
    Likeness("thin lines", "thin light lines, as of scratches", edits.SCRATCHED, (), edits.OPENED),
    Likeness("light spot", "a bright spot of light", edits.GLOWING, (), edits.VEIL),
    *BACKGROUNDS,
    *LIGHTS,
    *WEAK,
)


class Seen(Protocol):
    """What is seen of the examined images: `looks.Looks` of whole images, `backdrops.Backdrops` of backgrounds."""

    @property
    def examined(self) -> Examined:
        """The images and the classifier."""

    @property
    def values(self) -> Values:
        """The named attributes of the images, float32 (n, attributes)."""

    @property
    def grown(self) -> NDArray[np.int64]:
        """The places of the images that choose from which rules grow, int64 (g,)."""

    @property
    def of_grown(self) -> Values:
        """What they look like, float32 (g, numbers)."""

    @property
    def of_all(self) -> Values:
        """What all examined images look like, float32 (n, numbers); NaN where that is not known."""

    def classes(self, fewest: int) -> list[int]:
        """Return the numbers of the classes of which so many images choose."""

    def look(self, images: Iterable[Tensor], places: Sequence[int]) -> Values:
        """Return what images look like, float32 (n, numbers); of edited ones, with the places of the originals.

        Images are looked at as they come, so that few are held at once.
        """

    def edit(self, way: Way, strength: float) -> EditOf:
        """Return how a way changes what is seen of an image, which has a place."""

    def whole(self, way: Way, strength: float) -> Edit | None:
        """Return the same for an image without a place; None if what is seen of it is not known without."""


@dataclass(frozen=True)
class Answers:
    """The edits that the classifier answers, each with the classes and how many images become each of these."""

    edits: tuple[tuple[Likeness, Mapping[int, int]], ...]

    @staticmethod
    def of(looks: Seen, asked: Sequence[Likeness] | None = None) -> "Answers":
        """Ask the classifier about edits, by default those of whole images, for the classes with enough images."""
        classes, images = looks.classes(FEWEST), looks.examined.images
        if not 2 <= len(classes) <= MOST_CLASSES or too_large(images):
            return Answers(())
        ways = asked_about(photo_edits(images)) if asked is None else asked
        return Answers(tuple(_answers(looks, classes, ways)))

    def with_class(self, number: int) -> list[Likeness]:
        """Return the edits that are answered with a class."""
        return [likeness for likeness, become in self.edits if number in become]


def find_answered(looks: Seen, answers: Answers, first: Seen | None = None) -> Iterator[Candidate]:
    """Yield what looks as if some images of a class had been edited in a way that the classifier answers with it.

    The classifier is asked first: which edits make images of other classes more like this class? Only these are
    looked for, so that a weak trace is not lost among many. 24 images that choose are edited, and measured as all
    are. The direction in which looks differ between these and the same images unedited, relative to how images of
    other classes vary (linear discriminant analysis with a shrunk covariance; Friedman, JASA 84, 1989), gives each
    image one number, learned from others. Where some of the class lie apart, 112 images are edited, as strongly as
    these seem to be, and a forest tells them from unedited ones as well. The class's images beyond a threshold on the
    mean of both count if they are set off, or a separate group, if they are ten times as frequent in the class as
    elsewhere, minus a standard error (seven times, if the edit explains how they look; twenty, of what pictures show
    by themselves), and if they lie half to twice as far as the edited images. Whether it is a shortcut is left to
    images that test. `first` is what is looked at to choose which edits are learned, if that is not all that `looks`
    has.
    """
    if not answers.edits:
        return
    examined, seen = looks.examined, _Seen.of(looks)
    found: dict[int, list[_Found]] = defaultdict(list)
    worth_learning = (seen if first is None else _Seen.of(first)).worth_learning(answers.edits)
    for done, worth in enumerate(worth_learning, start=1):
        one = seen.found(worth)
        if one is not None:
            found[worth.number].append(one)
        examined.progress.count("looking for images that seem edited", done, len(worth_learning))
    for one in chain.from_iterable(map(seen.distinct, found.values())):
        candidate = seen.candidate(one)
        if seen.clean(one, candidate):
            yield replace(candidate, pictured=pictured(examined, looks.values, candidate))


def too_large(images: ImageSet) -> bool:
    """Say whether images have so many pixels in the mean that asking about edits of them takes too long."""
    return bool(images.sizes.prod(1).mean() > MOST_PIXELS)


def asked_about(photo: Sequence[Likeness] = PHOTO_EDITS) -> list[Likeness]:
    """Return all edits that the classifier is asked about, one of each way, with some of photographs."""
    return list({one.way: one for one in (*LIKENESSES, *OTHERS, *MORE, *photo)}.values())


def most_asked(choosing: int, classes: int, edits: int) -> int:
    """Return how many images the classifier is asked about at most, if so many of each class choose.

    It is asked about all `edits`, and about images with each edit that is learned removed and as they are. Its inner
    layers see the images that are edited to choose what is learned, and to learn it.
    """
    others = min(UNDONE, choosing * (classes - 1))
    known = choosing * min(classes, 1 + UNDONE // max(1, choosing))
    learned = IN_ALL + STRONGEST
    return (ASKED + SCREENED) * edits + known + learned * (choosing + others + LEARNED)


def _answers(
    looks: Seen, classes: Sequence[int], ways: Sequence[Likeness]
) -> Iterator[tuple[Likeness, dict[int, int]]]:
    """Yield the edits that are answered with classes, and how many images become each of these."""
    examined = looks.examined
    drawn = np.random.default_rng((examined.seed, 11)).permutation(looks.grown)[:ASKED]
    pictures, labels, decision = examined.pictures_at(drawn), examined.labels[drawn], examined.decision
    numbers = range(len(drawn))
    before = _relative(decision.scores_of(numbers, lambda k: pictures[k]))
    for done, likeness in enumerate(ways, start=1):
        edit = looks.edit(likeness.way, middle_strength(likeness.way))
        after = _relative(decision.scores_of(numbers, lambda k, edit=edit: edit(pictures[k], int(drawn[k]))))  # type: ignore[misc]
        examined.progress.count("classifying edited images", done, len(ways))
        answered = _answered(before, after, labels, classes)
        if answered:
            yield likeness, answered


def _relative(scores: Values) -> Values:
    return np.asarray(scores - scores.mean(1, keepdims=True))


def _answered(
    before: Values, after: Values, labels: NDArray[np.int64], classes: Sequence[int]
) -> dict[int, int]:
    """Return the classes that images become, or whose scores rise most, of images of other classes, and how many."""
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
    answers = clear | (sure & first)
    return {number: int(become[k]) for k, number in enumerate(classes) if answers[k]}


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

    way: Direction
    forest: "ExtraTreesClassifier"

    @staticmethod
    def of(plain: Numbers, before: Numbers, after: Numbers, seed: int) -> "_Learned":
        from sklearn.ensemble import ExtraTreesClassifier

        way = Direction.of(plain, (after - before).mean(0), precision_of(plain, after))
        forest = ExtraTreesClassifier(
            TREES, min_samples_leaf=3, class_weight="balanced", random_state=seed
        ).fit(np.concatenate([plain, after]), np.repeat([False, True], [len(plain), len(after)]))
        return _Learned(way, forest)

    def __call__(self, looks: Numbers) -> Numbers:
        """Return how far images are along the direction, and how sure the forest is, float64 (n, 2)."""
        return np.stack([self.way(looks), self.forest.predict_proba(looks)[:, 1]], axis=1)


@dataclass(frozen=True)
class _Undone:
    """How an edit is removed, and the middle and spread of what that takes from a class in images of others.

    `share` is how much looks count beside what is taken.
    """

    removed: EditOf
    middle: float
    spread: float
    share: float = 1.0

    def scaled(self, lost: Numbers) -> Values:
        """Return what is taken in spreads, at most so many, float32."""
        return np.asarray(np.clip((lost - self.middle) / self.spread, -FARTHEST, FARTHEST), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Found:
    """A threshold on how much images look like an edit's results; `score` is float32 (grown,).

    `of_looks` is that by looks alone. `change` is what the edit changes in looks, the mean over pictures. `middle`
    and `spread`, float64 (2,), put both parts of a score on one scale. `undone` is None unless `score` also has what
    removing the edit takes from the class.
    """

    likeness: Likeness
    strength: float
    rule: Rule
    score: Values
    of_looks: Values
    learned: _Learned
    middle: Numbers
    spread: Numbers
    change: Numbers
    undone: _Undone | None = None

    @property
    def clear(self) -> float:
        """How clearly it separates the class, for comparing edits: what the class loses speaks for many of them."""
        return self.rule.clear * (1.0 if self.undone is None else LOSING)

    def scored(self, looks: Numbers) -> Values:
        return _mean_of(self.learned(looks), self.middle, self.spread)


def _mean_of(parts: Numbers, middle: Numbers, spread: Numbers) -> Values:
    return np.asarray(((parts - middle) / spread).mean(1), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Seen:
    """The looks of images on one scale, and what edits make of them; `plain` are those of the grown, unedited."""

    looks: Seen
    scale: Scale
    plain: Numbers
    _scores: dict[int, Values] = field(default_factory=dict)

    @staticmethod
    def of(looks: Seen) -> "_Seen":
        scale = Scale.of(looks.of_grown)
        return _Seen(looks, scale, scale(looks.of_grown))

    @property
    def examined(self) -> Examined:
        return self.looks.examined

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.examined.labels[self.looks.grown]

    def worth_learning(self, answered: Sequence[tuple[Likeness, Mapping[int, int]]]) -> list[_Worth]:
        """Return the edits that some images of a class may have had, the clearest of a class and in all."""
        plain = self.plain
        places = np.random.default_rng((self.examined.seed, 10)).permutation(len(plain))[:SCREENED]
        changes: dict[int, list[tuple[Likeness, Numbers]]] = defaultdict(list)
        for done, (likeness, numbers) in enumerate(answered, start=1):
            edit = self.looks.edit(likeness.way, middle_strength(likeness.way))
            self.examined.progress.count("comparing edited images with real ones", done, len(answered))
            change = self._edited(edit, places) - plain[places]
            for number in numbers:
                changes[number].append((likeness, change))
        worth = {number: list(self._worth(number, some, places)) for number, some in changes.items()}
        ordered = [sorted(some, key=lambda one: -one.clear)[:OF_CLASS] for some in worth.values()]
        # The clearest of each class come before the second of any.
        ranked = [(rank, -one.clear, one) for some in ordered for rank, one in enumerate(some)]
        chosen = [one for *_, one in sorted(ranked, key=lambda ranked: ranked[:2])][:IN_ALL]
        return chosen + self._strongest(answered, chosen)

    def _worth(
        self, number: int, changes: Sequence[tuple[Likeness, Numbers]], places: NDArray[np.int64]
    ) -> Iterator[_Worth]:
        """Yield the edits that some of a class may have had, by what each changes in images at some places."""
        plain, mine = self.plain, self.labels == number
        of_others = ~mine[places]
        if of_others.sum() < LEAST:
            return
        # The class's own images are in no part: they are judged by all others.
        part = np.where(mine, PARTS, np.arange(len(plain)) % PARTS)
        beside = [plain[~mine & (part != k)] for k in range(PARTS + 1)]
        precisions = [precision_of(some) for some in beside]
        for likeness, change in changes:
            score = np.empty(len(plain), dtype=np.float32)
            for k, (some, precision) in enumerate(zip(beside, precisions, strict=True)):
                learned = of_others & (part[places] != k)
                mean = change[learned if learned.any() else of_others].mean(0)
                score[part == k] = Direction.of(some, mean, precision)(plain[part == k])
            rule = rule_set_off(score, mine, WORTH, class_number=number)
            if rule is None or rule.times_as_frequent(mine) < RARE:
                continue
            far = float(np.median(score[mine & rule.has(score)]))
            if 1 / NEAR_ENOUGH <= far <= NEAR_ENOUGH:
                yield _Worth(likeness, number, rule.clear, far)

    def _strongest(
        self, answered: Sequence[tuple[Likeness, Mapping[int, int]]], chosen: Sequence[_Worth]
    ) -> list[_Worth]:
        """Return the edits, not chosen yet, that make most images a class, of the classes that are made most."""
        most: dict[int, tuple[int, Likeness]] = {}
        for likeness, become in answered:
            for number, count in become.items():
                if count >= MANY and count > most.get(number, (0, likeness))[0]:
                    most[number] = count, likeness
        known = {(one.number, one.likeness.way) for one in chosen}
        ordered = sorted(most, key=lambda number: (-most[number][0], number))
        return [
            _Worth(most[number][1], number, 0.0, 1.0)
            for number in ordered
            if (number, most[number][1].way) not in known
        ][:STRONGEST]

    def found(self, worth: _Worth) -> _Found | None:
        """Return the images of a class that look as if they had been edited; None if hardly any do."""
        plain, mine = self.plain, self.labels == worth.number
        places = np.random.default_rng((self.examined.seed, 12)).permutation(np.flatnonzero(~mine))[:LEARNED]
        strength = self._strength(worth, places[:PICTURES])
        edit = self.looks.edit(worth.likeness.way, strength)
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
        of_looks = _mean_of(parts, middle, spread)
        change = (after - before).mean(0)
        able: list[_Found] = []
        scores: list[tuple[Values, _Undone | None]] = [(of_looks, None)]
        back = worth.likeness.back
        if back is not None:
            lost, undone = self._undone(worth.number, edit, back, learned, places)
            scores += [(share * of_looks + lost, replace(undone, share=share)) for share in SHARES_OF_LOOKS]
        for score, how in scores:
            for rule in _rules(score, mine, worth.number):
                far = AS_FAR if how is None else LOSING_FAR
                if 1 / far <= float(np.median(parts[mine & rule.has(score), 0])) <= far:
                    one = _Found(
                        worth.likeness, strength, rule, score, of_looks, learned, middle, spread, change, how
                    )
                    able.append(one)
        rare = [one for one in able if self._rare(one)]
        rest = [one for one in able if one.undone is None]
        return max(rare or rest, key=lambda one: one.rule.clear, default=None)

    def _rare(self, found: _Found) -> bool:
        """Say whether hardly any images of other classes have it.

        Fewer may have what pictures show by themselves. It must be rarer, and more set off, if it is also seen by
        what removing it takes from the class: a class of green things loses by less green.
        """
        times = found.rule.times_as_frequent(self.labels == found.rule.class_number)
        least = VERY_CLEAN if found.likeness.attribute in SHOWN else CLEAN
        if found.undone is None:
            return times >= least
        return times >= max(least, LOSING_CLEAN) and found.rule.pure >= LOSING_SET_OFF

    def _undone(
        self, number: int, edit: EditOf, back: Way, learned: _Learned, places: NDArray[np.int64]
    ) -> tuple[Values, _Undone]:
        """Return how much of the class's score is lost if the edit is removed, in spreads of others.

        It is float32 (grown,), NaN for images of other classes that are not asked about. With it come how it is
        removed, and the middle and spread. An image that was edited loses what the edit gave it.
        """
        mine = self.labels == number
        others = np.random.default_rng((self.examined.seed, 13)).permutation(np.flatnonzero(~mine))[:UNDONE]
        chosen = np.sort(np.concatenate([np.flatnonzero(mine), others]))
        removed = self.looks.edit(back, self._back(edit, back, learned.way, places[:PICTURES]))
        lost = np.full(len(mine), np.nan)
        lost[chosen] = self._lost(removed, number, self.looks.grown[chosen])
        middle, spread = float(np.nanmean(lost[~mine])), max(float(np.nanstd(lost[~mine])), 1e-6)
        undone = _Undone(removed, middle, spread)
        return undone.scaled(lost), undone

    def _back(self, edit: EditOf, back: Way, way: Direction, places: NDArray[np.int64]) -> float:
        """Return the strength at which an edit is removed so that edited images look as before."""
        wanted = float(way(self.plain[places]).mean())

        def away(back_strength: float) -> float:
            removed = self.looks.edit(back, back_strength)
            made = self._edited(lambda image, place: removed(edit(image, place), place), places)
            return abs(float(way(made).mean()) - wanted)

        return min(back.strengths[:: 1 + len(back.strengths) // 6], key=away)

    def _lost(self, edit: EditOf, number: int, places: NDArray[np.int64]) -> Numbers:
        """Return by how much an edit lowers the score of a class, relative to all classes, float64 (places,)."""
        decision, images = self.examined.decision, self.examined.images
        unknown = [place for place in places.tolist() if place not in self._scores]
        self._scores.update(zip(unknown, _relative(decision.scores_of(unknown, images.image)), strict=True))
        before = np.stack([self._scores[place] for place in places.tolist()])
        after = _relative(decision.scores_of(places.tolist(), lambda place: edit(images.image(place), place)))
        return np.asarray((before - after)[:, number], dtype=np.float64)

    def value(self, found: _Found) -> Values:
        """Return the score of all examined images, float32 (n,).

        What an image loses if the edit is removed is only asked about where it can decide.
        """
        looks = self.looks
        value = found.scored(self.scale(looks.of_all))
        value[looks.grown] = found.of_looks
        value[np.isnan(looks.values).any(1) | np.isnan(looks.of_all).any(1)] = np.nan
        if found.undone is not None:
            undone = found.undone
            value *= np.float32(undone.share)
            known = np.full(len(value), np.nan, dtype=np.float32)
            known[looks.grown] = found.score
            open_ = np.flatnonzero(np.isnan(known) & (value >= found.rule.threshold - FARTHEST))
            lost = np.full(len(value), -FARTHEST)
            if len(open_):
                lost[open_] = undone.scaled(self._lost(undone.removed, found.rule.class_number, open_))
            value = np.where(np.isnan(known), value + lost, known).astype(np.float32)
        return value

    def distinct(self, found: Sequence[_Found]) -> Iterator[_Found]:
        """Yield the clearest of a class; of those that nearly the same images have, the edit that does most alike."""
        left = sorted(found, key=lambda one: -one.clear)
        for _ in range(MOST_OF_A_CLASS):
            if not left:
                return
            mine = self.labels == left[0].rule.class_number
            having = {id(one): mine & one.rule.has(one.score) for one in left}
            first = having[id(left[0])]
            same = [one for one in left if jaccard(first, having[id(one)]) >= SAME]
            near = [one for one in same if one.clear >= NEAR * left[0].clear]
            own = mine & ~first
            without = own if own.sum() >= PICTURES else ~mine
            apart = self.plain[first].mean(0) - self.plain[without].mean(0)
            yield max(near, key=lambda one: alike(one.learned.way.precision, apart, one.change))
            left = [one for one in left if not any(one is other for other in same)]

    def candidate(self, found: _Found) -> Candidate:
        """Return what was found as a possible shortcut."""
        looks, examined, rule = self.looks, self.examined, found.rule
        value = self.value(found)
        has, mine = rule.has(value), examined.labels == rule.class_number
        own = mine & ~has & examined.choosing
        without = own if own.sum() >= PICTURES else ~mine & ~has & examined.choosing
        pictures = examined.pictures(mine & has, PICTURES)
        beside = float(np.median(found.of_looks[without[looks.grown]]))

        def away(edit: EditOf) -> float:
            return abs(float(np.median(found.scored(self._looks_of(pictures, edit)))) - beside)

        way, back = found.likeness.way, found.likeness.back
        least = None
        if back is not None and len(pictures):
            least = min(back.strengths, key=lambda strength: away(looks.edit(back, strength)))
        whole = looks.whole(way, found.strength) is not None
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
            put_on=looks.whole(way, found.strength),
            take_off=None if back is None or least is None else looks.whole(back, least),
            put_on_of=None if whole else looks.edit(way, found.strength),
            take_off_of=None if whole or back is None or least is None else looks.edit(back, least),
            causes=MANY_CAUSES,
        )

    def clean(self, found: _Found, candidate: Candidate) -> bool:
        """Say whether hardly any other images have it; a few more may if the edit explains how the images look."""
        examined = self.examined
        if self._rare(found):
            return True
        if found.likeness.attribute in SHOWN:
            return False
        group = (examined.labels == candidate.class_number) & candidate.has
        own = (examined.labels == candidate.class_number) & ~candidate.has
        enough = (own & examined.choosing).sum() >= PICTURES
        edit = self.looks.edit(found.likeness.way, found.strength)
        recogniser = Recogniser.of(examined, group, own if enough else ~group & ~candidate.has)
        return recogniser is not None and recogniser.explained(edit) >= EXPLAINED

    def _edited(self, edit: EditOf, places: NDArray[np.int64]) -> Numbers:
        return self._looks_of(self.examined.pictures_at(self.looks.grown[places]), edit)

    def _looks_of(self, pictures: DecodedImages, edit: EditOf) -> Numbers:
        places = pictures.places.tolist()
        edited = (edit(one, place) for one, place in zip(pictures, places, strict=True))
        return self.scale(self.looks.look(edited, places))

    def _strength(self, worth: _Worth, places: NDArray[np.int64]) -> float:
        """Return the strength at which an edit changes looks about as much as some images seem to have changed."""
        strengths = worth.likeness.way.strengths
        middle = len(strengths) // 2
        last = len(strengths) - 1
        tried = {0, len(strengths) // 5, (len(strengths) // 5 + middle) // 2, (middle + last) // 2, last}
        plain = self.plain[places]

        def change(place: int) -> Numbers:
            edit = self.looks.edit(worth.likeness.way, strengths[place])
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
