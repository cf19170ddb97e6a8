"""Images of a class that look as if they had been edited in a way that the classifier answers with it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.answers import ASKED, Answers, relative
from nearsight.diagnosis.attributes.discriminants import Direction, alike, precision_of
from nearsight.diagnosis.attributes.edits import Way, middle_strength
from nearsight.diagnosis.attributes.explaining import Recogniser
from nearsight.diagnosis.attributes.forests import Forest
from nearsight.diagnosis.attributes.kinds import SHOWN
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_set_off
from nearsight.diagnosis.attributes.seen import Scaled, Seen
from nearsight.diagnosis.candidates import MANY_CAUSES, Candidate, EditOf, Examined
from nearsight.statistics import area_under_curve, jaccard

Values = NDArray[np.float32]
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

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
# How many times as frequent what pictures may show by themselves (`SHOWN`) must be.
VERY_CLEAN = 20.0
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


def find_answered(seen: Seen, answers: Answers, first: Seen | None = None) -> Iterator[Candidate]:
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
    images that test. `first` is what is looked at to choose which edits are learned, if that is not all that is
    `seen`.
    """
    if not answers.edits:
        return
    examined, search = seen.examined, _Search.of(seen)
    found: dict[int, list[_Found]] = defaultdict(list)
    worth_learning = (search if first is None else _Search.of(first)).worth_learning(answers.edits)
    for done, worth in enumerate(worth_learning, start=1):
        one = search.found(worth)
        if one is not None:
            found[worth.number].append(one)
        examined.progress.count("looking for images that seem edited", done, len(worth_learning))
    for one in chain.from_iterable(map(search.distinct, found.values())):
        candidate = search.candidate(one)
        if search.clean(one, candidate):
            yield replace(candidate, pictured=pictured(examined, seen.values, candidate))


def most_asked(choosing: int, classes: int, edits: int) -> int:
    """Return how many images the classifier is asked about at most, if so many of each class choose.

    It is asked about all `edits`, and about images with each edit that is learned removed and as they are. Its inner
    layers see the images that are edited to choose what is learned, and to learn it.
    """
    others = min(UNDONE, choosing * (classes - 1))
    known = choosing * min(classes, 1 + UNDONE // max(1, choosing))
    learned = IN_ALL + STRONGEST
    return (ASKED + SCREENED) * edits + known + learned * (choosing + others + LEARNED)


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
    forest: Forest

    @staticmethod
    def of(plain: Numbers, before: Numbers, after: Numbers, seed: int) -> "_Learned":
        way = Direction.of(plain, (after - before).mean(0), precision_of(plain, after))
        edited = np.repeat([False, True], [len(plain), len(after)])
        forest = Forest.grown(np.concatenate([plain, after]), edited, trees=TREES, drawn=False, seed=seed)
        return _Learned(way, forest)

    def __call__(self, looks: Numbers) -> Numbers:
        """Return how far images are along the direction, and how sure the forest is, float64 (n, 2)."""
        return np.stack([self.way(looks), self.forest.sure(looks)[:, 1]], axis=1)


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
class _Search:
    """A search for images that seem edited; the scores of images that are asked about again and again are kept."""

    scaled: Scaled
    _scores: dict[int, Values] = field(default_factory=dict)

    @staticmethod
    def of(seen: Seen) -> "_Search":
        return _Search(Scaled.of(seen))

    @property
    def seen(self) -> Seen:
        return self.scaled.seen

    @property
    def plain(self) -> Numbers:
        return self.scaled.plain

    @property
    def examined(self) -> Examined:
        return self.scaled.examined

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.scaled.labels

    def worth_learning(self, answered: Sequence[tuple[Likeness, Mapping[int, int]]]) -> list[_Worth]:
        """Return the edits that some images of a class may have had, the clearest of a class and in all."""
        plain = self.plain
        places = np.random.default_rng((self.examined.seed, 10)).permutation(len(plain))[:SCREENED]
        changes: dict[int, list[tuple[Likeness, Numbers]]] = defaultdict(list)
        for done, (likeness, numbers) in enumerate(answered, start=1):
            edit = self.seen.edit(likeness.way, middle_strength(likeness.way))
            self.examined.progress.count("comparing edited images with real ones", done, len(answered))
            change = self.scaled.changes(edit, places)
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
        edit = self.seen.edit(worth.likeness.way, strength)
        before, after = plain[places], self.scaled.edited(edit, places)
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
        removed = self.seen.edit(back, self._back(edit, back, learned.way, places[:PICTURES]))
        lost = np.full(len(mine), np.nan)
        lost[chosen] = self._lost(removed, number, self.seen.grown[chosen])
        middle, spread = float(np.nanmean(lost[~mine])), max(float(np.nanstd(lost[~mine])), 1e-6)
        undone = _Undone(removed, middle, spread)
        return undone.scaled(lost), undone

    def _back(self, edit: EditOf, back: Way, way: Direction, places: NDArray[np.int64]) -> float:
        """Return the strength at which an edit is removed so that edited images look as before."""
        wanted = float(way(self.plain[places]).mean())

        def away(back_strength: float) -> float:
            removed = self.seen.edit(back, back_strength)
            made = self.scaled.edited(lambda image, place: removed(edit(image, place), place), places)
            return abs(float(way(made).mean()) - wanted)

        return min(back.strengths[:: 1 + len(back.strengths) // 6], key=away)

    def _lost(self, edit: EditOf, number: int, places: NDArray[np.int64]) -> Numbers:
        """Return by how much an edit lowers the score of a class, relative to all classes, float64 (places,)."""
        decision, images = self.examined.decision, self.examined.images
        unknown = [place for place in places.tolist() if place not in self._scores]
        self._scores.update(zip(unknown, relative(decision.scores_of(unknown, images.image)), strict=True))
        before = np.stack([self._scores[place] for place in places.tolist()])
        after = relative(decision.scores_of(places.tolist(), lambda place: edit(images.image(place), place)))
        return np.asarray((before - after)[:, number], dtype=np.float64)

    def value(self, found: _Found) -> Values:
        """Return the score of all examined images, float32 (n,).

        What an image loses if the edit is removed is only asked about where it can decide.
        """
        seen = self.seen
        value = found.scored(self.scaled.scale(seen.of_all))
        value[seen.grown] = found.of_looks
        value[np.isnan(seen.values).any(1) | np.isnan(seen.of_all).any(1)] = np.nan
        if found.undone is not None:
            undone = found.undone
            value *= np.float32(undone.share)
            known = np.full(len(value), np.nan, dtype=np.float32)
            known[seen.grown] = found.score
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
        seen, examined, rule = self.seen, self.examined, found.rule
        value = self.value(found)
        has, mine = rule.has(value), examined.labels == rule.class_number
        own = mine & ~has & examined.choosing
        without = own if own.sum() >= PICTURES else ~mine & ~has & examined.choosing
        pictures = examined.pictures(mine & has, PICTURES)
        beside = float(np.median(found.of_looks[without[seen.grown]]))

        def away(edit: EditOf) -> float:
            return abs(float(np.median(found.scored(self.scaled.edited_of(pictures, edit)))) - beside)

        way, back = found.likeness.way, found.likeness.back
        least, removed = None, None
        if back is not None and len(pictures):
            left = {strength: away(seen.edit(back, strength)) for strength in back.strengths}
            least = min(left, key=lambda strength: left[strength])
            removed = 1 - left[least] / max(away(lambda image, _: image), 1e-6)
        whole = seen.whole(way, found.strength) is not None
        return Candidate(
            class_number=rule.class_number,
            attribute=found.likeness.attribute,
            words=found.likeness.words,
            artefact=True,
            has=has,
            value=value,
            effect=area_under_curve(
                value[mine & has & examined.choosing], value[seen.grown][~mine[seen.grown]]
            ),
            put_on=seen.whole(way, found.strength),
            take_off=None if back is None or least is None else seen.whole(back, least),
            put_on_of=None if whole else seen.edit(way, found.strength),
            take_off_of=None if whole or back is None or least is None else seen.edit(back, least),
            causes=MANY_CAUSES,
            by_removal=found.undone is not None,
            removed_so_far=removed,
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
        edit = self.seen.edit(found.likeness.way, found.strength)
        recogniser = Recogniser.of(examined, group, own if enough else ~group & ~candidate.has)
        return recogniser is not None and recogniser.explained(edit) >= EXPLAINED

    def _strength(self, worth: _Worth, places: NDArray[np.int64]) -> float:
        """Return the strength at which an edit changes looks about as much as some images seem to have changed."""
        strengths = worth.likeness.way.strengths
        middle = len(strengths) // 2
        last = len(strengths) - 1
        tried = {0, len(strengths) // 5, (len(strengths) // 5 + middle) // 2, (middle + last) // 2, last}

        def change(place: int) -> Numbers:
            edit = self.seen.edit(worth.likeness.way, strengths[place])
            return np.asarray(self.scaled.changes(edit, places).mean(0), dtype=np.float64)

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
