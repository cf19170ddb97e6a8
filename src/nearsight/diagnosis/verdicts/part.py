"""The part `verdicts` of a diagnosis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.data.joined_images import chosen_of
from nearsight.diagnosis.attributes.answers import MOST_PIXELS, too_large
from nearsight.diagnosis.box import Box
from nearsight.diagnosis.candidates import TILE, UNASKED, Candidate, EditOf, Examined
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.parted import PartedPictures
from nearsight.diagnosis.parted_decision import PartedDecision
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.relative import relative
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, PLACES, Column, Table, of_class
from nearsight.diagnosis.verdicts.compared import HAVING, LACKING, OTHERS, Compared, removed_alone
from nearsight.diagnosis.verdicts.finders import find_candidates
from nearsight.diagnosis.verdicts.interventions import (
    GIVEN,
    INNER,
    LEARNED,
    TRANSPLANTED,
    WITHOUT,
    Intervention,
    changed,
    to_be_moved,
)
from nearsight.diagnosis.verdicts.judging import Judged, judge
from nearsight.diagnosis.verdicts.limits import (
    ClassLimit,
    class_limits,
    images_needed,
    limit_in_words,
    mostly_right,
    other_limit_in_words,
    typical_images,
    typical_limit,
)
from nearsight.diagnosis.verdicts.not_tried import what_was_not_tried
from nearsight.diagnosis.verdicts.remaining import remaining_accuracy
from nearsight.diagnosis.verdicts.rule import RULE, SHORTCUT
from nearsight.diagnosis.verdicts.verdict import NAMELESS, Edited, Highlighted, Verdict
from nearsight.statistics import Estimate, accuracy_estimate
from nearsight.statistics.writing import points, whole_per_cent
from nearsight.tiles import TileGrid

EXAMPLES = 6
EXAMPLE_SIDE = 128
# The images that are shown before and after a learned edit.
EDITED = 4
# The number of verdicts that are shown with pictures, the strongest.
SHOWN = 30
# The share of an image from which on a box in it does not show what is there.
HALF = 0.5
# The most pixels per side of what is moved from one large picture to another.
LONGEST = 2048


@dataclass(frozen=True)
class Verdicts:
    """The shortcuts and suspects of all classes, the strongest first, and what could have been shown.

    `candidates` is how many were tested, `accuracy` that of the decision on the images that test, and `remaining`
    the accuracy that would remain without the shortcuts. `limits` has an entry for every class. `trained` is how many
    training images chose, so that all examined images test; 0 if half of these chose. `needed` is how many images of
    a class must test until something in a third of them can be believed; 0 in older files. `left_out` says what
    was not looked for or asked, as images were too large to be held, and `not_tried` what took too long or had too
    few images that choose.
    """

    verdicts: tuple[Verdict, ...]
    candidates: int
    accuracy: Estimate
    remaining: Estimate
    limits: tuple[ClassLimit, ...]
    trained: int = 0
    needed: int = 0
    left_out: tuple[str, ...] = ()
    not_tried: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[Verdict, ...]:
        """The verdicts that are shown with pictures, the strongest; a table holds them all."""
        return self.verdicts[:SHOWN]

    @property
    def side(self) -> int:
        """The longest side of these pictures, in pixels."""
        return EXAMPLE_SIDE

    @property
    def shortcuts(self) -> tuple[Verdict, ...]:
        """The verdicts that are proven."""
        return tuple(one for one in self.verdicts if one.verdict == SHORTCUT)

    @property
    def suspects(self) -> tuple[Verdict, ...]:
        """The verdicts that are not."""
        return tuple(one for one in self.verdicts if one.verdict != SHORTCUT)

    @property
    def typical_limit(self) -> float | None:
        """The smallest difference that the test of accuracy can show in the median class; None if none."""
        return typical_limit(self.limits)

    @property
    def typical_images(self) -> int:
        """How many images of the median class test."""
        return typical_images(self.limits)

    @property
    def too_small(self) -> bool:
        """Whether so few images test that hardly anything could be found."""
        return self.typical_limit is None and self.typical_images < self.needed

    @property
    def mostly_right(self) -> bool:
        """Whether nearly all images being right is why accuracy could show nothing."""
        return mostly_right(self.limits)

    @property
    def more_would_help(self) -> bool:
        """Whether accuracy could show nothing, and more images would change that."""
        return self.typical_limit is None and (self.too_small or not self.mostly_right)

    @property
    def what_was_possible(self) -> str:
        """How small a shortcut could be shown, in words."""
        return limit_in_words(self.typical_limit, self.typical_images, self.needed, right=self.mostly_right)

    @property
    def what_else_was_possible(self) -> str:
        """How small another shortcut could be shown, in words, beside those that were found."""
        return other_limit_in_words(
            self.typical_limit, self.typical_images, self.needed, right=self.mostly_right
        )


@dataclass(frozen=True)
class Seen:
    """The relative evidence of the tile that speaks most for an image's class, and how many tiles count."""

    strength: float
    counted: int
    extent: Box


def _observe(look: Look) -> Seen:
    evidence = look.evidence
    own = relative(evidence.logits)[look.label].nan_to_num(-torch.inf)
    return Seen(float(own.max()), int((~evidence.skipped).sum()), extent_of(own, evidence.grid))


def extent_of(evidence: Tensor, grid: TileGrid) -> Box:
    """Return the box of the strongest tile and of the tiles that touch it with at least half of its evidence.

    >>> extent_of(torch.tensor([[9.0, 5.0, 4.0, 6.0]]), TileGrid(4, 10, tile=4, stride=2))
    Box(top=0, left=0, height=4, width=6)

    Tiles touch along a side, also by others of them. If the box had more than 2,048 pixels per side, only its part
    around the strongest tile is returned; if nothing speaks for the class, the tile. `evidence` is float (rows,
    columns).
    """
    strongest = divmod(int(evidence.argmax()), grid.shape[1])
    most = float(evidence[strongest])
    parts, _ = ndimage.label((evidence >= most / 2).numpy()) if most > 0 else (np.zeros(grid.shape), 0)
    rows, columns = (parts == parts[strongest]).nonzero() if most > 0 else ([strongest[0]], [strongest[1]])
    sides = []
    for starts, own, places in zip((grid.tops, grid.lefts), strongest, (rows, columns), strict=True):
        middle = starts[own] + grid.tile // 2
        first = max(starts[min(places)], min(starts[own], middle - LONGEST // 2))
        last = min(starts[max(places)] + grid.tile, max(starts[own] + grid.tile, middle + LONGEST // 2))
        sides.append((first, last - first))
    (top, height), (left, width) = sides
    return Box(top, left, height, width)


def _measure(subject: Subject, seen: Sequence[Seen]) -> Verdicts | Nothing:
    images = subject.images
    halves = _halves(subject)
    training = subject.training
    examined = halves if training is None else _with_training(halves, training)
    if subject.parted is not None:
        halves, examined = (_parted(subject, one, seen) for one in (halves, examined))
    if not examined.choosing.any():
        return Nothing("no class has two images, one to choose and one to test what is searched for")
    if subject.parted is None and too_large(examined.images):
        subject.tell(
            f"images have more than {MOST_PIXELS / 2**20:.0f} megapixels in the mean, and editing them takes long: "
            "verdicts are searched for without asking the network which edits it answers with a class"
        )
    subject.progress.say("verdicts: what images of a class share, and whether the decision depends on it")
    atlas = REASONS.of(subject.found)
    tile = subject.bound.require_tile() if atlas is not None else None
    candidates = find_candidates(examined, atlas, tile, None if training is None else halves)
    strength = np.array([one.strength for one in seen], dtype=np.float32)
    judged = judge(examined, candidates, strength)
    testing = ~examined.choosing
    return Verdicts(
        verdicts=tuple(
            _verdict(examined, one, len(images), drawn=rank < SHOWN) for rank, one in enumerate(judged)
        ),
        candidates=len(candidates),
        accuracy=accuracy_estimate(
            examined.predictions[testing] == examined.labels[testing], chance=1 / len(images.classes)
        ),
        remaining=remaining_accuracy(examined, [one for one in judged if one.word == SHORTCUT]),
        limits=class_limits(examined, len(candidates), RULE),
        trained=0 if training is None else len(training),
        needed=images_needed(len(images.classes), len(candidates), halves=training is None),
        left_out=() if examined.parted is None else tuple(_left_out(examined.parted)),
        not_tried=tuple(what_was_not_tried(examined, candidates, strength)),
    )


def _parted(subject: Subject, examined: Examined, seen: Sequence[Seen]) -> Examined:
    """Return the same images, read in parts; the first of them are those of the subject."""
    assert subject.parted is not None
    pictures = subject.parted
    if len(examined.images) > len(subject.images):
        pictures = PartedPictures(examined.images)
    counted = np.array([one.counted for one in seen], dtype=np.int64)
    scores = subject.evaluation.scores[subject.decision.protocol]
    extents = {place: one.extent for place, one in enumerate(seen)}
    return replace(
        examined, parted=PartedDecision(subject.decision, pictures, subject.grids, scores, counted, extents)
    )


def _left_out(parted: PartedDecision) -> Iterator[str]:
    yield (
        "images too large to be held are searched for reasons, columns, facts of files, marks at one place, tones "
        "and colours, not for marks at any place, blur, noise, compression and other looks; tones and colours are "
        "not added or removed, so they are at most suspected"
    )
    if not parted.additive:
        yield (
            f"nothing was added to them or removed: under {parted.decision.protocol} that takes every tile of each "
            "changed image, so nothing is proven"
        )


def _halves(subject: Subject) -> Examined:
    """Return the images of a subject, of which half of each class choose."""
    return Examined(
        subject.images,
        subject.decision,
        subject.predictions,
        choosing_half(subject.images.labels, subject.seed),
        subject.seed,
        subject.progress,
        scored=subject.evaluation.scores[subject.decision.protocol],
    )


def _with_training(examined: Examined, training: ImageSet) -> Examined:
    """Return the same images, all of which test, and after them training images that choose."""
    count = len(examined.images)
    images = chosen_of([examined.images, training], np.arange(count + len(training)))
    return replace(
        examined,
        images=images,
        decided=np.pad(examined.predictions, (0, len(training)), constant_values=UNASKED),
        choosing=np.arange(len(images)) >= count,
    )


def _verdict(examined: Examined, judged: Judged, images: int, *, drawn: bool = True) -> Verdict:
    """Return what was judged as it is told: of the first so many images, those of the subject.

    Only what is `drawn` on the page is made visible.
    """
    candidate, found = judged.candidate, judged.association
    mine, has = examined.labels[:images] == candidate.class_number, candidate.has[:images]
    more = np.zeros(images, dtype=np.bool_) if judged.alike is None else judged.alike[:images]
    unknown = np.isnan(candidate.value[:images])
    having, lacking = np.flatnonzero(mine & has), np.flatnonzero(mine & ~has & ~unknown & ~more)
    clearest = having[np.argsort(-np.nan_to_num(candidate.value[having]), kind="stable")]
    examples, beside = clearest[:EXAMPLES], lacking[:EXAMPLES]
    return Verdict(
        class_number=candidate.class_number,
        verdict=judged.word,
        attribute=candidate.attribute,
        words=candidate.words,
        also=judged.also,
        artefact=candidate.artefact,
        seen_in=candidate.seen_in,
        place=candidate.place,
        images=tuple(having.tolist()),
        alike=tuple(np.flatnonzero(more).tolist()),
        examples=tuple(examples.tolist()),
        beside=tuple(beside.tolist()),
        share=found.share,
        accuracy_with=found.accuracy.accuracy_with,
        accuracy_without=found.accuracy.accuracy_without,
        difference=found.accuracy.difference,
        errors_without=found.accuracy.errors_without,
        interventions=judged.interventions,
        q=judged.q,
        proven_by=judged.proven_by,
        edited=_edited(examined, judged) if judged.proven_by == LEARNED else (),
        highlighted=_highlighted(examined, judged, examples) if judged.proven_by == INNER else (),
        pictured=judged.word != SHORTCUT
        and candidate.artefact
        and candidate.pictured
        and RULE.decides(found, judged.interventions),
        missing=RULE.missing(found, judged.interventions) if judged.word != SHORTCUT else (),
        explained=judged.explained,
        compared=_compared(examined, judged, examples, beside) if drawn else None,
    )


def _compared(
    examined: Examined, judged: Judged, examples: NDArray[np.int64], beside: NDArray[np.int64]
) -> Compared | None:
    """Return images with what was judged and without it, unless a box or another picture shows where it is."""
    candidate = judged.candidate
    if examined.parted is not None or judged.proven_by in NAMELESS:
        return None
    if candidate.place is not None:
        top, left, bottom, right = candidate.place
        if (bottom - top) * (right - left) < HALF:
            return None

    def with_edit(places: NDArray[np.int64], edit: EditOf) -> Iterator[tuple[int, Tensor, Tensor]]:
        for place in places.tolist():
            image = examined.images.image(place)
            edited = edit(image, place)
            # Tiles are changed in images as the network takes them.
            real = image if image.shape == edited.shape else examined.decision.bound.resize(image)
            yield place, real, edited

    places, shown_on = (
        (beside, LACKING) if len(beside) else (to_be_moved(examined, candidate, EXAMPLES), OTHERS)
    )
    if candidate.removed is not None and _alone(examined, candidate, places):
        return Compared.of(list(with_edit(examples, candidate.removed)), HAVING)
    if candidate.added is None:
        return None
    return Compared.of(
        [(place, edited, real) for place, real, edited in with_edit(places, candidate.added)], shown_on
    )


def _alone(examined: Examined, candidate: Candidate, lacking: NDArray[np.int64]) -> bool:
    """Whether removing something changes nothing else, as images that lack it show; a tile is only replaced."""
    put_on, take_off = candidate.added, candidate.removed
    if candidate.seen_in == TILE or put_on is None or take_off is None or not len(lacking):
        return True
    places = lacking.tolist()
    real = [examined.images.image(place) for place in places]
    added = [put_on(image, place) for image, place in zip(real, places, strict=True)]
    return removed_alone(
        real, added, [take_off(image, place) for image, place in zip(added, places, strict=True)]
    )


def _edited(examined: Examined, judged: Judged) -> tuple[Edited, ...]:
    """Return the first of the images that the learned edit was tried on, with it and without it."""
    taught = judged.taught
    edit = None if taught is None else taught.put_on
    if taught is None or edit is None:
        return ()
    places = to_be_moved(examined, taught)[:EDITED].tolist()
    change = changed(examined, lambda image, _: edit(image))
    after = examined.decision.predictions_of(places, change)
    return tuple(
        Edited.of(place, examined.images.image(place), change(place), int(taken))
        for place, taken in zip(places, after, strict=True)
    )


def _highlighted(examined: Examined, judged: Judged, places: NDArray[np.int64]) -> tuple[Highlighted, ...]:
    """Return the images at some places with where a layer sees what they share."""
    inside, resize = judged.candidate.inside, examined.decision.bound.resize
    if inside is None:
        return ()
    images = ((place, examined.images.image(place)) for place in places.tolist())
    return tuple(Highlighted.of(place, resize(image), inside.seen_in(image)) for place, image in images)


def _sentences(found: Verdicts, about: Findings) -> Iterator[str]:
    yield from found.left_out
    shortcuts, suspects = found.shortcuts, found.suspects
    for one in found.verdicts[:5]:
        name = about.classes[one.class_number]
        yield f"{one.verdict}: {one.sentence(name)}"
        yield from one.proofs(name)
    if len(found.verdicts) > 5:
        yield f"{len(found.verdicts) - 5} more verdicts are on the page and in the table"
    if shortcuts:
        yield (
            f"without the {'shortcut' if len(shortcuts) == 1 else 'shortcuts'}, accuracy would be "
            f"{whole_per_cent(found.remaining)}; it is {whole_per_cent(found.accuracy)}"
        )
    else:
        none = "no shortcut is proven" if suspects else "no shortcut was found"
        yield f"{none}: {found.what_was_possible}"
    yield from found.not_tried


def _leads(found: Verdicts, about: Findings) -> Iterator[Lead]:
    for one in found.verdicts[:3]:
        name, without = about.classes[one.class_number], one.accuracy_without
        right = f"{_whole(one.accuracy_with)} right with it, {_whole(without)}{one.few_without} without"
        yield Lead(one.verdict, f"{name}: {one.told}", f"in {_whole(one.share)} of its images, {right}")
    if len(found.verdicts) > 3:
        yield Lead("more verdicts", f"{len(found.verdicts) - 3:,}", "on the page")
    if found.shortcuts and found.remaining.value is not None:
        yield Lead.of_share(
            "right without shortcuts", found.remaining, f"(with them {_whole(found.accuracy)})"
        )
    if not found.verdicts:
        yield Lead("shortcuts", "none found", f"({_possible(found)})")


def _possible(found: Verdicts) -> str:
    if found.typical_limit is not None:
        return f"the test of accuracy takes {points(found.typical_limit, 0)} points"
    if found.too_small:
        return f"too few images: {found.typical_images:,} of a class test, {found.needed:,} would do"
    if found.mostly_right:
        return "nearly all images are right, so accuracy cannot show one"
    return "too few images to find one by accuracy alone"


def _whole(share: Estimate) -> str:
    return "unknown" if share.value is None else f"{points(share.value, 0)} %"


def _pictures(found: Verdicts, _about: Findings) -> Iterator[Picture]:
    for one in found.shown:
        for index in (*one.examples, *one.beside, *one.alike[:EXAMPLES]):
            yield Picture(index, EXAMPLE_SIDE)


def _made(kind: str, name: str) -> Column:
    def take(verdict: Verdict, _about: Findings) -> Estimate | None:
        made: Intervention | None = next((one for one in verdict.interventions if one.kind == kind), None)
        return None if made is None else getattr(made, name)

    return Column(f"{kind}.{name}", ESTIMATE, take)


VERDICTS: Part[Seen, Verdicts] = Part(
    package=__package__,
    title="Verdicts",
    needs=(REASONS.name,),
    found=Verdicts,
    observe=_observe,
    measure=_measure,
    tables=(
        Table(
            "verdicts",
            lambda found: found.verdicts,
            (
                of_class("class", lambda verdict: verdict.class_number),
                Column("verdict", "string"),
                Column("proven_by", "string"),
                Column("attribute", "string"),
                Column("words", "string"),
                Column("also", "list<string>"),
                Column("artefact", "bool"),
                Column("pictured", "bool"),
                Column("missing", "list<string>"),
                Column("explained", "float64"),
                Column("images", PLACES),
                Column("alike", PLACES),
                Column("share", ESTIMATE),
                Column("accuracy_with", ESTIMATE),
                Column("accuracy_without", ESTIMATE),
                Column("difference", ESTIMATE),
                Column("errors_without", ESTIMATE),
                *(
                    _made(kind, name)
                    for kind in (TRANSPLANTED, GIVEN, WITHOUT, LEARNED, INNER)
                    for name in ("after", "change")
                ),
                Column("q", "float64"),
            ),
        ),
        Table(
            "limits",
            lambda found: found.limits,
            (
                of_class("class", lambda limit: limit.class_number),
                Column("images", "int64"),
                Column("difference", "float64"),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
    pictures=_pictures,
)
