"""A shortcut planted, found, proved and removed, in small."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearsight.arguments import checked
from nearsight.data import ImageSet, ImageSets, load
from nearsight.diagnosis import DIAGNOSIS, Diagnosis
from nearsight.evidence import TiledModel
from nearsight.launch import in_one_process
from nearsight.progress import Progress, watched
from nearsight.report import PAGE, Heatmaps, make_heatmaps
from nearsight.report.page.demo_page import Demonstration, write_demo_page
from nearsight.runs import Run
from nearsight.settings.choices import DEMO_OUT
from nearsight.shortage import tells_of_memory
from nearsight.statistics import Estimate, accuracy_estimate
from nearsight.verbs._diagnose import diagnose
from nearsight.verbs._repair import repair
from nearsight.verbs._train import train

# Each class of these scenes nearly always has a background of its own.
DEMO_DATA = "scenes:shortcut=0.9"
# Images of each split that are used: enough for an interval, few enough for three minutes.
IMAGES = {"train": 2000, "val": 200, "test": 400, "swapped": 400}
EPOCHS, DIAGNOSED_IMAGES, DRAWN = 8, 400, 3
TILE, STRIDE, MAP_STRIDE = 16, 16, 4
RUN, FOUND, REPAIRED, HEATMAPS = "run", "diagnosis", "repair", "heatmaps"


@tells_of_memory("running the demo")
@in_one_process
@checked
def demo(
    out: str | Path = DEMO_OUT, *, resume: bool = True, progress: Progress | bool = True
) -> Demonstration:
    """Train a network that relies on the background, find that out, prove it, and repair it.

    >>> demo("nearsight-demo").sentences()  # doctest: +SKIP

    It takes under three minutes on two cores. The data are the generated `scenes`, whose objects have the
    background of their class in nine images of ten. `swapped` shows the same objects on other backgrounds, which
    reveals what a network relies on. The run, the diagnosis, the repair and heatmaps are written to `out`, with one
    page that shows them together. `resume` continues an earlier call. `progress=False` shows nothing; a `Progress`
    object gets the messages instead. Raises `InputError` if `out` holds something else.
    """
    out = Path(out)
    with watched(progress) as channel:
        channel.say("plants a shortcut, finds it and removes it; under three minutes on two cores")
        channel.say(
            "1 of 4: training a network on generated scenes, nearly all on the background of their class"
        )
        sets = _few(load(DEMO_DATA, progress=channel))
        run = train(
            sets,
            recipe="fast",
            tile=TILE,
            width=0.25,
            epochs=EPOCHS,
            batch_size=100,
            learning_rate=0.06,
            stride=STRIDE,
            out=out / RUN,
            resume=resume,
            progress=channel,
        )
        channel.say("2 of 4: diagnosing its training images: object or background?")
        found = _diagnosis(run, sets, out / FOUND, resume, channel)
        channel.say("3 of 4: repairing what was found")
        mended = repair(
            run,
            sets,
            diagnosis=found,
            stride=STRIDE,
            again=False,
            out=out / REPAIRED,
            resume=resume,
            progress=channel,
        )
        channel.say("4 of 4: testing both networks on objects on other backgrounds")
        networks = [
            TiledModel(one.classifier(), stride=STRIDE) for one in (run, Run.open(out / REPAIRED / RUN))
        ]
        usual, swapped = (
            [_predictions(one, sets[split]) for one in networks] for split in ("test", "swapped")
        )
        drawn = _drawn(sets["swapped"], *swapped)
        maps = [_heatmaps(one, sets["swapped"], drawn, channel) for one in networks]
        for name, found_maps in zip(("before", "after"), maps, strict=True):
            found_maps.save(out / HEATMAPS / name)
        made = Demonstration(
            out,
            DEMO_DATA,
            found.sentences()[1:],
            mended,
            usual=_accuracies(usual, sets["test"]),
            swapped=_accuracies(swapped, sets["swapped"]),
            before=maps[0],
            after=maps[1],
        )
        write_demo_page(made, out / PAGE)
    return made


def _few(sets: ImageSets) -> ImageSets:
    few = {
        split: images.select(np.arange(IMAGES[split])) for split, images in sets.items() if split in IMAGES
    }
    return ImageSets(sets.name, few)


def _diagnosis(run: Run, sets: ImageSets, out: Path, resume: bool, progress: Progress) -> Diagnosis:
    if resume and (out / DIAGNOSIS).is_file():
        return Diagnosis.load(out)
    return diagnose(
        run,
        sets,
        split="train",
        images=DIAGNOSED_IMAGES,
        stride=STRIDE,
        parts=["reliance"],
        out=out,
        progress=progress,
    )


def _predictions(bound: TiledModel, images: ImageSet) -> NDArray[np.int64]:
    maps = bound.maps(images.image(number) for number in range(len(images)))
    return np.array([found.predicted() for found in maps])


def _accuracies(predicted: Sequence[NDArray[np.int64]], images: ImageSet) -> tuple[Estimate, Estimate]:
    before, after = (accuracy_estimate(found == images.labels) for found in predicted)
    return before, after


def _drawn(images: ImageSet, before: NDArray[np.int64], after: NDArray[np.int64]) -> list[int]:
    """Return the first images that only the repaired network is right about, and others where these are too few."""
    mended = (before != images.labels) & (after == images.labels)
    return [int(number) for number in np.argsort(~mended, kind="stable")[:DRAWN]]


def _heatmaps(bound: TiledModel, images: ImageSet, drawn: Sequence[int], progress: Progress) -> Heatmaps:
    classes = [images.classes[images.labels[number]] for number in drawn]
    pictures = [images.image(number) for number in drawn]
    return make_heatmaps(bound.at(TILE, MAP_STRIDE), pictures, class_name=classes, progress=progress)
