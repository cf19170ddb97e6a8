"""From the verdicts of a diagnosis to shortcuts that are known in every training and test image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet, ImageSets
from nearsight.data.joined_images import chosen_of
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.attributes.learned import with_learned_edit
from nearsight.diagnosis.candidates import TABLE, TILE, Candidate, Edit, EditOf, Examined, Graded
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.diagnosis.relative import relative
from nearsight.diagnosis.reliance.asking import KnownObjects
from nearsight.diagnosis.reliance.fills import fill_from_image
from nearsight.diagnosis.verdicts.finders import find_candidates
from nearsight.diagnosis.verdicts.interventions import LEARNED
from nearsight.diagnosis.verdicts.rule import SHORTCUT, SUSPECT
from nearsight.diagnosis.verdicts.verdict import Verdict
from nearsight.errors import InputError
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress
from nearsight.repair.choosing import Chosen
from nearsight.repair.likened import likened_candidate, varied
from nearsight.repair.places import tiles_at, tiles_of_reason, tiles_off_object
from nearsight.repair.shortcut import BACKGROUND, EditIn, Shortcut, TilesIn, of_image
from nearsight.statistics import jaccard

# A candidate is the verdict's if it has the same name and this share of the images of either have both.
SAME_IMAGES = 0.9
# How many images are tried for a background that shows more than its object.
TRIES = 20
# The area under the ROC curve from which on edited images still look different from real ones, which is said.
FAR_FROM_REAL = 0.9
COLUMN = "column:"


@dataclass(frozen=True, eq=False)
class Splits:
    """The splits of a set as one list, in which the diagnosed images come first, in their order.

    `name` is the split that was diagnosed, and `chosen` are the diagnosed images; `sets` has `train` and `test`.
    """

    sets: ImageSets
    name: str
    chosen: NDArray[np.int64]

    @staticmethod
    def of(sets: ImageSets, diagnosis: Diagnosis) -> "Splits":
        """Return the splits of a set, with the diagnosed images before all others.

        Raises `InputError` if the set has fewer images of a class than were diagnosed, or other images.
        """
        images = sets[diagnosis.split]
        chosen = np.arange(len(images))
        if diagnosis.images < len(images):
            chosen = draw(len(images), diagnosis.images, diagnosis.seed)
        counts = np.bincount(images.labels[chosen], minlength=len(sets.classes)).tolist()
        if tuple(counts) != diagnosis.class_images:
            raise changed(sets.name)
        return Splits(sets, diagnosis.split, chosen)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The splits that are joined, the diagnosed one first."""
        return tuple(dict.fromkeys((self.name, "train", "test")))

    @cached_property
    def images(self) -> ImageSet:
        """All images as one set."""
        return chosen_of([self.sets[name] for name in self.names], self._order)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        count = sum(len(self.sets[name]) for name in self.names)
        others = np.ones(count, dtype=np.bool_)
        others[self.chosen] = False
        return np.concatenate([self.chosen, np.flatnonzero(others)])

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return np.argsort(self._order)

    def places(self, split: str) -> NDArray[np.int64]:
        """Return the places of a split's images among all, int64 (n,)."""
        before = sum(len(self.sets[name]) for name in self.names[: self.names.index(split)])
        return self._places[before : before + len(self.sets[split])]

    def choosing(self, seed: int) -> NDArray[np.bool_]:
        """Return which of all images choose: those that did in the diagnosis with this seed."""
        found = np.zeros(len(self._order), dtype=np.bool_)
        found[: len(self.chosen)] = choosing_half(self.sets[self.name].labels[self.chosen], seed)
        return found


def changed(name: str) -> InputError:
    """Return the error for a set whose images are not the diagnosed ones."""
    return InputError(
        f"the images of {name} are not those that were diagnosed: some were added, removed or changed since; put "
        "them back, or leave `diagnosis` out to diagnose again"
    )


def without_reasons() -> InputError:
    """Return the error for a diagnosis that left out the part with which its verdicts are found again."""
    return InputError("`diagnosis` was made without the part 'reasons'; diagnose with it, or leave it out")


def find_shortcuts(
    decision: Decision,
    diagnosis: Diagnosis,
    sets: ImageSets,
    chosen: Sequence[Chosen],
    *,
    seed: int = 0,
    progress: Progress = SILENT,
) -> tuple[Shortcut, ...]:
    """Return the chosen verdicts as shortcuts, known in every training and test image, with their edits.

    >>> find_shortcuts(decision, diagnosis, sets, choose(diagnosis))  # doctest: +SKIP

    Candidates are searched for again over all images, in the way of the diagnosis of `train` or `val`: its
    choosing half alone makes the rules, which are then applied to every image. A verdict's candidate is the one
    with its class, attribute and words, in the same images. An image of the class that the atlas did not use has
    a reason if its strongest tile is like the reason's own (`tiles_of_reason`). A background is behind every
    object, and is swapped for that of an image of another class, drawn with `seed`, whose object is erased.

    Raises `InputError` if a verdict is not found again, because then the images are not the same.
    """
    finding = _Finding(decision, diagnosis, Splits.of(sets, diagnosis), seed, progress)
    candidates = finding.candidates() if any(one.verdict is not None for one in chosen) else []
    return tuple(
        finding.background(one) if one.verdict is None else finding.shortcut(one, one.verdict, candidates)
        for one in chosen
    )


@dataclass(frozen=True, eq=False)
class _Finding:
    decision: Decision
    diagnosis: Diagnosis
    splits: Splits
    seed: int
    progress: Progress

    @cached_property
    def examined(self) -> Examined:
        return Examined(
            self.splits.images,
            self.decision,
            None,
            self.splits.choosing(self.diagnosis.seed),
            self.diagnosis.seed,
            self.progress,
        )

    def candidates(self) -> list[Candidate]:
        count, atlas = len(self.splits.images), REASONS.of(self.diagnosis)
        self.progress.say(f"finding which of {counted(count, 'image')} have what is to be removed")
        tile = None if atlas is None else self.decision.bound.require_tile()
        return find_candidates(self.examined, atlas, tile)

    def shortcut(self, chosen: Chosen, verdict: Verdict, candidates: Sequence[Candidate]) -> Shortcut:
        candidate = self._same(verdict, candidates)
        if verdict.proven_by == LEARNED:
            candidate = self._learned(chosen, verdict, candidate)
        reason = self._reason(candidate)
        tiles = None if reason is None else self._tiles_of(reason, candidate.class_number)
        has = candidate.has
        if tiles is not None:
            has = self._asked(candidate, tiles)
        elif candidate.place is not None:
            in_split = {name: has[self.splits.places(name)] for name in ("train", "test")}
            place = candidate.place
            tiles = lambda bound, images, some: (  # noqa: E731
                tiles_at([place], in_split[images.split])(bound, images, some)
            )
        table = candidate.seen_in == TABLE
        return Shortcut(
            class_number=candidate.class_number,
            number=chosen.number,
            verdict=verdict.verdict,
            attribute=verdict.attribute,
            words=verdict.told,
            seen_in=candidate.seen_in,
            in_train=has[self.splits.places("train")],
            in_test=has[self.splits.places("test")],
            put_on=self._likened(chosen, candidate, has)
            or _edit_in(candidate.put_on)
            or self._at_its_place(candidate.put_on_of),
            take_off=_edit_in(candidate.take_off) or self._at_its_place(candidate.take_off_of),
            tiles=tiles,
            column=candidate.attribute.removeprefix(COLUMN) if table else None,
        )

    def _learned(self, chosen: Chosen, verdict: Verdict, candidate: Candidate) -> Candidate:
        """Return a candidate with the edit that proved it in place of its own, which proved nothing.

        The diagnosis learned it from the images alike, too, which it lists with a shortcut; but a shortcut is in the
        images that its rule finds, by which accuracy is measured.
        """
        completed = candidate.has.copy()
        completed[list(verdict.alike)] = True
        learned = with_learned_edit(self.examined, replace(candidate, has=completed))
        if learned is None:
            self.progress.warn(
                f"{chosen.name(self.splits.sets.classes)} cannot be added to other images: what proved it is learned "
                "from the images that share it, and too few of them are found again"
            )
            return replace(candidate, put_on=None, put_on_of=None, take_off=None, take_off_of=None)
        return replace(learned, has=candidate.has)

    def _likened(self, chosen: Chosen, candidate: Candidate, has: NDArray[np.bool_]) -> EditIn | None:
        """Return the edit with the strengths at which training images look most like real ones; None if unknown."""
        if not isinstance(candidate.put_on, Graded):
            return None
        train = self.splits.sets["train"]
        in_train, seed = (
            has[self.splits.places("train")],
            (self.seed, 35, candidate.class_number, chosen.number),
        )
        name = chosen.name(train.classes)
        self.progress.say(f"finding how strong {name} is where it is real ({chosen.words})")
        found = likened_candidate(candidate, train, in_train, seed=seed, progress=self.progress)
        if found is None:
            return None
        self.progress.say(
            f"{name} is added with about {found.factor:.2g} times the strength that was found first, because that "
            f"looks most like it: a random forest tells edited images from real ones with an area under the ROC "
            f"curve of {found.told:.2f}, which was {found.before:.2f} (0.5 is chance)"
        )
        if found.told >= FAR_FROM_REAL:
            self.progress.warn(
                f"{name}: edited images still look different from real ones, so the network may unlearn the edit and "
                "go on using the real thing; the page says how much better it does on unedited images that have it"
            )
        return varied(found, seed=seed)

    def background(self, chosen: Chosen) -> Shortcut:
        train, test = self.splits.sets["train"], self.splits.sets["test"]
        return Shortcut(
            class_number=chosen.class_number,
            number=chosen.number,
            verdict=SHORTCUT if chosen.proven else SUSPECT,
            attribute=BACKGROUND,
            words=chosen.words,
            seen_in=BACKGROUND,
            in_train=np.ones(len(train), dtype=np.bool_),
            in_test=np.ones(len(test), dtype=np.bool_),
            put_on=_Backgrounds(train, self.decision.bound.resize, self.seed).swapped,
            tiles=tiles_off_object,
        )

    def _same(self, verdict: Verdict, candidates: Sequence[Candidate]) -> Candidate:
        count = len(self.splits.chosen)
        told = np.zeros(count, dtype=np.bool_)
        if verdict.images and max(verdict.images) >= count:
            raise changed(self.splits.sets.name)
        told[list(verdict.ruled)] = True
        mine = self.splits.images.labels[:count] == verdict.class_number
        named = (verdict.class_number, verdict.attribute)
        best, overlap = None, 0.0
        # Of as many images, what is told in the same words; an older version may have told it in others.
        for one in sorted(candidates, key=lambda one: one.words != verdict.words):
            if (one.class_number, one.attribute) == named:
                found = jaccard(one.has[:count] & mine, told)
                if found > overlap:
                    best, overlap = one, found
        if best is None or overlap < SAME_IMAGES:
            if REASONS.of(self.diagnosis) is None and REASONS.name not in self.diagnosis.absent:
                # Some marks are found in the tiles of reasons, and the diagnosis has not kept which tiles these
                # are.
                raise without_reasons()
            raise changed(self.splits.sets.name)
        return best

    def _reason(self, candidate: Candidate) -> Reason | None:
        """Return the reason that a candidate comes from; None if it does not come from one."""
        atlas = REASONS.of(self.diagnosis)
        if atlas is None or candidate.seen_in != TILE:
            return None
        for reason in atlas.classes[candidate.class_number].reasons:
            has = np.zeros(len(candidate.has), dtype=np.bool_)
            has[[*reason.images, *reason.others]] = True
            if np.array_equal(has, candidate.has):
                return reason
        return None

    def _tiles_of(self, reason: Reason, class_number: int) -> TilesIn:
        atlas = REASONS.of(self.diagnosis)
        assert atlas is not None
        return tiles_of_reason(
            self.decision.bound, self.splits.images, atlas.classes[class_number], reason, class_number
        )

    def _asked(self, candidate: Candidate, tiles: TilesIn) -> NDArray[np.bool_]:
        """Return which images have a reason; images of the class that the atlas did not use are classified now."""
        images, bound = self.splits.images, self.decision.bound
        has = candidate.has.copy()
        unknown = np.flatnonzero((images.labels == candidate.class_number) & np.isnan(candidate.value))
        maps = bound.maps(bound.resize(images.image(int(i))) for i in unknown)
        found = tiles(bound, images, unknown.tolist())
        for done, (i, evidence_map, of_reason) in enumerate(zip(unknown.tolist(), maps, found, strict=True)):
            evidence = relative(evidence_map.logits)[candidate.class_number].numpy()
            strongest = np.unravel_index(int(evidence.argmax()), evidence.shape)
            has[i] = bool(of_reason[strongest])
            self.progress.count("looking for a reason in more images", done + 1, len(unknown))
        return has

    def _at_its_place(self, edit: EditOf | None) -> EditIn | None:
        if edit is None:
            return None
        places = {name: self.splits.places(name) for name in ("train", "test")}
        return lambda images, i: edit(images.image(i), int(places[images.split][i]))


@dataclass(frozen=True, eq=False)
class _Backgrounds:
    """Backgrounds of training images, put behind the objects of images of other classes."""

    train: ImageSet
    resize: Edit
    seed: int

    @cached_property
    def donors(self) -> KnownObjects:
        return KnownObjects(
            self.train, self.resize, self.train.regions.kind if self.train.regions else "mask"
        )

    def swapped(self, images: ImageSet, i: int) -> Tensor:
        """Return image i of a set on the background of a training image of another class."""
        known = KnownObjects(images, self.resize, self.donors.kind)
        if not known.has_both(i):
            return self.resize(images.image(i))
        pixels, region = known.read(i)
        random = np.random.default_rng((self.seed, 31, i, images.split == "test"))
        regions = self.train.regions
        assert regions is not None
        others = np.flatnonzero((self.train.labels != images.labels[i]) & regions.known)
        for donor in random.choice(others, TRIES).tolist() if len(others) else []:
            if self.donors.has_both(donor):
                height, width = pixels.shape[1:]
                return fill_from_image(pixels, ~region, self.donors.erased(donor, height, width))
        return pixels


def _edit_in(edit: Edit | None) -> EditIn | None:
    return None if edit is None else of_image(edit)
