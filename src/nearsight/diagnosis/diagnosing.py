"""From a classifier and an image set to the whole diagnosis."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.data.reduced_images import reduced_large
from nearsight.data.value_groups import groups_of
from nearsight.diagnosis import parts as registry
from nearsight.diagnosis.choosing import training_images
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.expected import EVALUATING, Expected, expected_diagnosis, wider_stride
from nearsight.diagnosis.observing import pass_over
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.parted import PartedPictures
from nearsight.diagnosis.pictures import ExaminedPictures, OverviewPictures
from nearsight.diagnosis.result import Diagnosis
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.errors import InputError, listed
from nearsight.evidence import TiledModel
from nearsight.launch import this_command
from nearsight.models import Classifier
from nearsight.models.weights_digest import digest_of_weights
from nearsight.numbers import agreeing, counted
from nearsight.progress import QUARTER_HOUR, SILENT, Progress, as_a_whole, duration
from nearsight.settings.protocols import FULL_PASS
from nearsight.together import ONE_PROCESS, Processes

T = TypeVar("T")

_VERSIONS = ("nearsight", "torch", "timm", "scikit-learn")


def diagnose(
    bound: TiledModel,
    images: ImageSet,
    *,
    model: str = "",
    others: Mapping[str, ImageSet] | None = None,
    parts: Sequence[str] | None = None,
    groups: str | None = None,
    limit: int | None = None,
    places: NDArray[np.int64] | None = None,
    faithfulness: int | None = None,
    nulls: Callable[[], Sequence[TiledModel]] | None = None,
    seed: int = 0,
    workers: int = 0,
    keep: Path | None = None,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Diagnose a bound classifier on an image set: what it uses, where it errs, whether it looks at the object.

    >>> from nearsight.data import load
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=8, width=0.1)
    >>> scenes = load("scenes")["test"].select(np.arange(6))
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, 16, Preprocessing(half, half))
    >>> found = diagnose(TiledModel(toy.eval(), stride=16), scenes, faithfulness=0)
    >>> found.images, len(found.table("reliance"))
    (6, 9)

    `model` and the set's name are for the reader. `others` are the set's other splits by name. Near-duplicates are
    searched for in them, and their training images choose for a small test split (`training_images`). `parts` are the
    names of the parts that are kept; the others are left out, or are measured only because these need them.
    `groups` is a column of the set, or a fact of its files such as `file.format`, by
    which accuracy is shown. Of a larger set, `limit` images, drawn with `seed`, are examined. `places` are
    those of `images` in their split, int64 (n,), if they are not all of it. `faithfulness` is
    the number of images on which maps are checked; 0 leaves this out, and None takes as many, 8 to 32, as cost no
    more than four times the evaluation. `nulls` returns networks like this one that learned nothing, bound in the
    same way: their results are the values by chance. It is called only if a part can use them. `workers`
    processes decode a set that streams. `keep` is the directory in which an interrupted pass over the maps leaves
    them, as `evaluate` does. If there are several `processes`, they share the
    images, the interventions and the parts that one of them can measure alone, and all return the same. `progress` is
    told what begins and how much of it is done, and gets the warnings that `TiledModel.notes` has. If the model
    refuses whole images, everything that compares tiles with them is left out, with a warning. The diagnosis's
    `notes` keep both.

    Raises `InputError` for an unknown part or column, for `groups` or `nulls` without the part that uses them,
    for a set without images, for a bare model or one without a tile, and where `evaluate` does.
    """
    classifier = diagnosed(bound)
    tile, stride = bound.sides()
    asked = registry.asked_for(parts, groups=groups, faithfulness=faithfulness, null=nulls is not None)
    measured = registry.with_needs(asked)
    chosen = draw(len(images), limit, seed)
    examined, drawn = _drawn(images, chosen, seed)
    if groups is not None:
        # Before images are read for nothing.
        groups_of(examined, groups)
    notes = list(drawn)

    def tell(note: str) -> None:
        progress.warn(note)
        notes.append(note)

    for note in bound.notes:
        tell(note)
    examined = _reduced(examined, bound, tell)
    beside, training = others or {}, None
    if VERDICTS.name in {part.name for part in measured}:
        training = training_images(examined, beside, seed)
        training = None if training is None else _reduced(training, bound, tell)
    counts = f"{counted(len(examined), 'image')} in {counted(len(measured), 'part')}"
    progress.say(f"diagnosing {counts}: {', '.join(part.words or part.name for part in measured)}")
    together = [part for part in measured if not part.alone]
    by_one = [part for part in measured if part.alone]
    whole = as_a_whole(SILENT, "diagnosis", {})
    if progress is not SILENT:
        foresee = partial(
            expected_diagnosis,
            images=examined,
            parts=measured,
            others=beside,
            faithfulness=faithfulness,
            seed=seed,
            workers=workers,
        )
        expected = foresee(bound)
        if told := expected.sentence():
            progress.say(f"{told}{_shorter(bound, foresee, asked, expected.least)}")
        whole = as_a_whole(
            progress, "diagnosis", expected.in_order([*together, *by_one]), told_of_steps=False
        )
        whole.begins(EVALUATING)
        progress = whole
    evaluation, grids, seen = pass_over(
        bound,
        examined,
        measured,
        seed=seed,
        workers=workers,
        keep=keep,
        processes=processes,
        progress=progress,
    )
    notes += evaluation.settings.get("left_out", ())
    parted = None if examined.first_large() is None else PartedPictures(examined)
    found: dict[str, Any] = {}
    absent: dict[str, str] = {}
    subject = Subject(
        bound=bound,
        images=examined,
        decision=Decision.of(bound, whole=FULL_PASS in evaluation.scores, processes=processes),
        evaluation=evaluation,
        grids=grids,
        others=beside,
        found=found,
        groups=groups,
        faithfulness=faithfulness,
        nulls=nulls,
        seed=seed,
        workers=workers,
        tell=tell,
        progress=progress,
        parted=parted,
        training=training,
    )

    def add(part: Part[Any, Any], one: Any) -> None:
        if isinstance(one, Nothing):
            absent[part.name] = one.why
        else:
            found[part.name] = one

    for part in together:
        whole.begins(part.name)
        add(part, _of_the_first(processes, part.measure(subject, seen[part.name])))
    alone = _measured_alone(processes, by_one, subject, seen, whole.begins)
    for part, (one, said) in zip(by_one, alone, strict=True):
        add(part, one)
        for note in said:
            tell(note)
    return Diagnosis(
        model=model or classifier.architecture.name,
        data=images.name,
        split=images.split,
        classes=classifier.classes,
        network=classifier.architecture.name,
        trained_tile=classifier.tile,
        tile=tile,
        stride=stride,
        grid=bound.grid,
        images=len(examined),
        seed=seed,
        decision=subject.decision.protocol,
        notes=(*notes, *_class_notes(examined)),
        versions={"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
        machine=f"{platform.system()} {platform.machine()}, {bound.device.type}",
        class_images=tuple(np.bincount(examined.labels, minlength=len(classifier.classes)).tolist()),
        pictures=ExaminedPictures(examined, bound.resize) if parted is None else OverviewPictures(parted),
        parts={part.name: found[part.name] for part in asked if part.name in found},
        absent={part.name: absent[part.name] for part in asked if part.name in absent},
        weights=digest_of_weights(classifier.network),
        predictions=subject.predictions,
        command=this_command(),
        places=tuple((chosen if places is None else places[chosen]).tolist()),
        paths=tuple(examined.paths()),
    )


def _shorter(
    bound: TiledModel, foresee: Callable[..., Expected], asked: Sequence[Part[Any, Any]], seconds: float
) -> str:
    """Say what makes a long diagnosis shorter: a wider stride, and to leave out the search for shortcuts."""
    said = ""
    if (found := wider_stride(bound, foresee, seconds)) is not None:
        stride, seconds = found
        bound = bound.at(bound.sides()[0], stride)
        said = f"; about {duration(seconds)} with `stride={stride}`"
    fewer = [part for part in asked if part is not VERDICTS]
    if seconds > QUARTER_HOUR and 0 < len(fewer) < len(asked):
        least = foresee(bound, parts=registry.with_needs(fewer)).least
        if least <= seconds / 2:
            also = "also " if said else ""
            names = [part.name for part in fewer]
            said += (
                f"; about {duration(least)} if it {also}does not search for shortcuts, with `parts={names}`"
            )
    return said


def _of_the_first(processes: Processes, found: T) -> T:
    """Return what the first process found: on other devices the last bits may differ, and with them what follows."""
    first, *_ = processes.each(lambda: found if processes.first else None)
    return found if first is None else first


def _measured_alone(
    processes: Processes,
    parts: Sequence[Part[Any, Any]],
    subject: Subject,
    seen: Mapping[str, list[Any]],
    begins: Callable[[str], None],
) -> list[tuple[Any, list[str]]]:
    """Measure each of some parts in one of the processes, and return its findings and what it told, in order.

    `begins` is told the name of each that begins here.
    """

    def measure() -> dict[str, tuple[Any, list[str]]]:
        found = {}
        for part in processes.dealt(parts):
            begins(part.name)
            said: list[str] = []
            alone = replace(subject, decision=subject.decision.alone, tell=said.append)
            found[part.name] = part.measure(alone, seen[part.name]), said
        return found

    found = {name: one for each in processes.each(measure) for name, one in each.items()}
    return [found[part.name] for part in parts]


def diagnosed(bound: TiledModel) -> Classifier:
    """Return the bound classifier; raises `InputError` if it is a bare model or has no tile."""
    if not isinstance(bound.model, Classifier):
        raise InputError(
            f"a diagnosis needs a classifier, which knows how decoded images become what the network takes, and was "
            f"given a {type(bound.model).__name__}; make a nearsight.Classifier of it"
        )
    bound.model.tile_to_look_at(bound.tile)
    return bound.model


def _drawn(images: ImageSet, chosen: NDArray[np.int64], seed: int) -> tuple[ImageSet, tuple[str, ...]]:
    count = len(chosen)
    if count == len(images):
        return images, ()
    return images.select(chosen), (
        f"{count:,} of {counted(len(images), 'image')} {agreeing(count, 'was', 'were')} drawn at random, by "
        f"seed {seed}",
    )


def _reduced(images: ImageSet, bound: TiledModel, tell: Callable[[str], None]) -> ImageSet:
    """Return images with those that are too large to be held as a classifier that resizes sees them."""
    if bound.preprocessing is None:
        return images
    found, note = reduced_large(images, bound.preprocessing)
    if note is not None:
        tell(note)
    return found


def _class_notes(images: ImageSet) -> tuple[str, ...]:
    absent = [name for number, name in enumerate(images.classes) if not (images.labels == number).any()]
    if not absent:
        return ()
    return (
        f"{len(absent)} of {counted(len(images.classes), 'class', 'classes')} "
        f"{agreeing(len(absent), 'has', 'have')} no image here: {listed(absent)}",
    )
