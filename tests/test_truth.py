"""The truth test: on data with a known answer, a diagnosis gives it. `python -m studies` does it at length."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from studies.mark import MARKED_CLASS, plant, some

from nearsight import Classifier, Diagnosis, ImageSet, Machine, diagnose, load, train, training
from nearsight.data import ImageSets, MemoryImages, draw_scenes
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.reliance.verdict import BACKGROUND, OBJECT
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.settings import make_recipe

CPU = Machine(device="cpu", workers=0)
QUICK: dict[str, Any] = {
    "tile": 16,
    "width": 0.25,
    "learning_rate": 0.06,
    "precision": "float32",
}


COUNTS = {"train": 1024, "test": 160, "swapped": 160}


def learned(shortcut: float, out: Path) -> tuple[Classifier, ImageSets]:
    few = {}
    for split, count in COUNTS.items():
        drawn = draw_scenes(split, shortcut=shortcut, count=count)
        images = MemoryImages(drawn.pixels, tuple(f"{split}/{number}.png" for number in range(count)))
        few[split] = ImageSet("scenes", split, drawn.classes, drawn.labels, images, MaskRegions(drawn.masks))
    sets = ImageSets("scenes", few)
    run = train(sets, recipe="fast", out=out, machine=CPU, epochs=4, batch_size=64, stride=16, **QUICK)
    return run.classifier(), sets


def accuracy(classifier: Classifier, images: ImageSet) -> float:
    return float(
        evaluate(TiledModel(classifier, stride=16), images, protocols=["mean-logit"]).metrics["mean-logit"][
            "accuracy"
        ]
    )


def test_a_network_that_uses_the_background_is_told_from_one_that_cannot(tmp_path: Path) -> None:
    found: dict[float, Diagnosis] = {}
    for shortcut in (0.0, 1.0):
        classifier, sets = learned(shortcut, tmp_path / f"{shortcut:g}")
        found[shortcut] = diagnose(classifier, sets["test"], stride=16, parts=["reliance"], machine=CPU)
        # Without the shortcut the background tells nothing; with it alone the network errs where it misleads.
        drop = accuracy(classifier, sets["test"]) - accuracy(classifier, sets["swapped"])
        assert drop > 0.5 if shortcut else drop < 0.1
    honest, misled = (one["reliance"].overall for one in found.values())
    assert honest.excess.high < 0 < misled.excess.low
    assert honest.background.low < 1 / 8 < 0.5 < misled.background.low
    assert misled.pointing.high < honest.pointing.low > honest.pointing.chance
    # The contrast has its zero where the area has none.
    assert honest.contrast.high < 0 < misled.contrast.low
    by_intervention = {shortcut: one["reliance"].asked for shortcut, one in found.items()}
    assert (by_intervention[0.0].overall.verdict, by_intervention[1.0].overall.verdict) == (
        OBJECT,
        BACKGROUND,
    )
    assert not by_intervention[0.0].of(BACKGROUND)
    decided = len(by_intervention[1.0].of(BACKGROUND))
    assert decided >= 6
    assert any(f"the background decides {decided} of 8 classes" in line for line in found[1.0].sentences())


def test_a_planted_mark_is_the_first_reason_of_its_class(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    # Some of each class: the others would only have to be decoded.
    images = load(real_data("cifar10") / "test.parquet")["test"]
    random = np.random.default_rng(0)
    drawn = some(images, 310, random)
    marked = {
        "train": plant(drawn.select(np.arange(2500)), random),
        "test": plant(drawn.select(np.arange(2500, 3100)), random),
    }
    recipe = make_recipe("cifar10", "fast", QUICK | {"epochs": 8, "batch_size": 100, "validation": 0.0})
    run = training.train(recipe, ImageSets("marked", marked), tmp_path / "run", machine=CPU)
    atlas = diagnose(run.classifier(), marked["test"], parts=["reasons"], machine=CPU)["reasons"]
    first = {reasons.name: reasons.reasons[0] for reasons in atlas.classes}
    assert first[MARKED_CLASS].place.name == "bottom right corner"
    assert first[MARKED_CLASS].purity.low > first[MARKED_CLASS].purity.chance
    assert "purple" in first[MARKED_CLASS].appearance
    assert [name for name, reason in first.items() if "purple" in reason.appearance] == [MARKED_CLASS]
