"""From a classifier and an image set to the whole diagnosis."""

import platform
from collections.abc import Mapping
from importlib.metadata import version

import numpy as np
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.atlas import build_atlas
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.duplicates import near_duplicates
from nearsight.diagnosis.errors import collect_errors
from nearsight.diagnosis.examine import Examination, diagnosed, examine
from nearsight.diagnosis.faithfulness import ScoredBy, measure_faithfulness
from nearsight.diagnosis.locality import Locality, SizeRow, measure_locality, protocol_agreement
from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.diagnosis.reliance import Reliance, summarise_reliance
from nearsight.diagnosis.result import Diagnosis
from nearsight.diagnosis.suspects import label_suspects
from nearsight.evidence import TiledModel
from nearsight.progress import SILENT, Progress
from nearsight.settings import FAITHFULNESS_IMAGES
from nearsight.settings.protocols import FULL_PASS

_VERSIONS = ("nearsight", "torch", "timm", "scikit-learn")


def diagnose(
    bound: TiledModel,
    images: ImageSet,
    *,
    model: str = "",
    others: Mapping[str, ImageSet] | None = None,
    limit: int | None = None,
    faithfulness: int = FAITHFULNESS_IMAGES,
    seed: int = 0,
    workers: int = 0,
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

    `model` and the set's name are for the reader. `others` are the splits in which near-duplicates are looked for, by
    name. Of a larger set `limit` images, drawn by `seed`, are examined. `faithfulness` is on how many images maps are
    checked; 0 leaves it out. `workers` processes decode a set that streams. `progress` is told what begins and how
    much of it is done, and warned of what `TiledModel.notes` tells. Where the model refuses whole images, what
    compares tiles with them is left out, and said. The diagnosis's `notes` keep both.

    Raises `InputError` for a set without images, a bare model or one without a tile, and what `evaluate` raises.
    """
    classifier = diagnosed(bound)
    tile, stride = bound.sides()
    examined, drawn = _drawn(images, limit, seed)
    notes = list(drawn)

    def tell(note: str) -> None:
        progress.warn(note)
        notes.append(note)

    for note in bound.notes:
        tell(note)
    progress.say(f"evidence of {len(examined):,} images")
    found = examine(bound, examined, seed=seed, workers=workers, progress=progress)
    progress.say("reasons: the strongest tiles of each class, sorted by the network's own embedding")

    def on_object(index: int) -> Tensor | None:
        region = examined.region(index)
        return None if region is None else object_shares(region, found.grids[index])

    atlas = build_atlas(
        bound,
        examined,
        found.grids,
        found.tiles,
        on_object=on_object if examined.has_regions else None,
        seed=seed,
        progress=progress,
    )
    # Without it there is nothing that tiles could agree with.
    whole = FULL_PASS in found.evaluation.scores
    notes += found.evaluation.settings.get("left_out", ())
    sizes: tuple[SizeRow, ...] = ()
    if whole:
        progress.say("locality: tiles of other sizes")
        sizes = measure_locality(bound, examined, seed=seed, leave_out=tell, progress=progress)
    else:
        tell("locality is left out: it compares tiles with the full pass")
    checked = None
    if faithfulness:
        progress.say("faithfulness: what the maps are worth, beside others")
        # As the classifier is meant to be used.
        protocol: ScoredBy = "full-pass" if classifier.tile is None and whole else "mean-logit"
        checked = measure_faithfulness(
            bound, examined, protocol=protocol, limit=faithfulness, seed=seed, progress=progress
        )
    if others:
        progress.say(f"near-duplicates in {', '.join(others)}")
    protocols = protocol_agreement(found.evaluation.scores, examined.labels)
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
        accuracies=protocols,
        errors=collect_errors(found.errors, examined.labels, classifier.classes),
        suspects=label_suspects(found.checks, classifier.classes),
        duplicates=near_duplicates(examined, others, memory=bound.memory) if others else (),
        atlas=atlas,
        reliance=_reliance(found, examined),
        locality=Locality(sizes, protocols),
        faithfulness=checked,
        notes=(*notes, *_class_notes(examined)),
        versions={"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
        machine=f"{platform.system()} {platform.machine()}, {bound.device.type}",
        class_images=tuple(np.bincount(examined.labels, minlength=len(classifier.classes)).tolist()),
        pictures=ExaminedPictures(examined, bound.resize),
    )


def _drawn(images: ImageSet, limit: int | None, seed: int) -> tuple[ImageSet, tuple[str, ...]]:
    if limit is None or limit >= len(images):
        return images, ()
    return images.select(draw(len(images), limit, seed)), (
        f"{limit:,} of {len(images):,} images were drawn at random, by seed {seed}",
    )


def _reliance(found: Examination, images: ImageSet) -> Reliance | None:
    if images.regions is None or not found.reliance:
        return None
    cut, empty = images.box_faults()
    notes = [f"boxes that reach beyond their image and are cut off there: {cut:,}"] if cut else []
    notes += [f"boxes without a pixel in their image, which say nothing: {empty:,}"] if empty else []
    return summarise_reliance(found.reliance, images.classes, images.regions.kind, len(images), notes)


def _class_notes(images: ImageSet) -> tuple[str, ...]:
    absent = [name for number, name in enumerate(images.classes) if not (images.labels == number).any()]
    if not absent:
        return ()
    named = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
    return (f"{len(absent)} of {len(images.classes)} classes have no image here: {named}",)
