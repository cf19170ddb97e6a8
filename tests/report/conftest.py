"""A comparison with numbers made up for it, of which the report is drawn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nearsight.evaluation.tile_views import VIEWS
from nearsight.evaluation.whole_on_tiles import TileAnswers, ViewAnswers
from nearsight.settings import RECIPES
from nearsight.statistics import arm_estimate, mcnemar, paired_difference
from nearsight.study import Accuracy, ArmResult, Comparison, Cost, Difference, verdict
from nearsight.study.asking_about_tiles import measure_on_tiles
from nearsight.study.on_tiles import ArmOnTiles

Make = Callable[..., Comparison]


@pytest.fixture
def make_comparison() -> Make:
    """Return what makes a comparison of tile 8, tile 16 and both full arms, or of the tiles alone."""

    def make(
        *,
        whole: bool = True,
        seeds: int = 3,
        hardware: int = 1,
        budget: str = "pixels",
        on_tiles: bool = False,
    ) -> Comparison:
        random = np.random.default_rng(0)
        chances = {"full": {"full-pass": 0.88}, "full+standard": {"full-pass": 0.92}} if whole else {}
        chances |= {
            "tile-8": {"full-pass": 0.7, "mean-logit": 0.75, "single-tile": 0.4},
            "tile-16": {"full-pass": 0.87, "mean-logit": 0.9, "single-tile": 0.7},
        }
        right = {
            (arm, protocol): random.binomial(1, chance, (seeds, 400)).astype(float)
            for arm, protocols in chances.items()
            for protocol, chance in protocols.items()
        }
        references = ["full", "full+standard"] if whole else ["tile-16"]
        return Comparison(
            directory=Path("toy"),
            data="toy",
            split="test",
            images=400,
            training_images=5000,
            classes=10,
            size=(32, 32) if whole else (16, 16),
            budget=budget,
            seeds=tuple(range(seeds)),
            recipe=RECIPES["fast"],
            arms=tuple(arm_result(arm, right) for arm in chances),
            differences=tuple(
                difference(arm, protocol, reference, right)
                for reference in references
                for arm, protocol in right
                if arm.startswith("tile") and arm != reference
            ),
            hardware=tuple({"device": "cpu", "cores": 2 + i} for i in range(hardware)),
            versions=({"torch": "2.15"},),
            notes=("val: 500 of the 5500 images of train, stratified, seed 0",),
            on_tiles=(arm_on_tiles("full", seeds),) if on_tiles else (),
        )

    return make


def arm_on_tiles(name: str, seeds: int) -> ArmOnTiles:
    """What an arm says of tiles of 8 and 16 pixels: the larger, the more alike."""
    random, labels = np.random.default_rng(len(name)), np.arange(60) % 10
    answers = []
    for _ in range(seeds):
        whole = np.where(random.random(60) < 0.8, labels, random.integers(10, size=60))
        views = []
        for tile in (8, 16):
            for view in VIEWS:
                said = np.where(random.random(60) < tile / 20, whole, random.integers(10, size=60))
                shares = random.random((2, 60))
                views.append(
                    ViewAnswers(
                        tile, tile // 2, 16.0, view, tuple(said.tolist()), *map(tuple, shares.tolist()), 0.1
                    )
                )
        answers.append([TileAnswers(tuple(range(60)), tuple(labels), tuple(whole), tuple(views), 2560)])
    return measure_on_tiles(name, answers, [16])


def arm_result(name: str, right: dict[tuple[str, str], np.ndarray]) -> ArmResult:
    tile = int(name.removeprefix("tile-")) if name.startswith("tile") else None
    side, seeds = tile or 32, len(next(iter(right.values())))
    steps = 160 * 32**2 // side**2
    return ArmResult(
        name=name,
        tile=tile,
        augmentation="none",
        headline="full-pass" if tile is None else "mean-logit",
        accuracies=tuple(
            Accuracy(protocol, arm_estimate(table), tuple(table.mean(1).tolist()))
            for (arm, protocol), table in right.items()
            if arm == name
        ),
        cost=Cost(
            parameters=1_970_000,
            steps=steps,
            epochs=steps / 10,
            images_seen=steps * 500,
            pixels_per_image=side**2,
            training_pixels=steps * 500 * side**2,
            flops=steps * 10**12,
            seconds=(61.0, 62.0, 63.0)[:seeds],
            peak_memory_bytes=(2**30,) * seeds,
            precision=("float32",) * seeds,
        ),
        stride=None if tile is None else tile // 4,
        tiles_per_image=None if tile is None else 25.0,
    )


def difference(
    arm: str, protocol: str, reference: str, right: dict[tuple[str, str], np.ndarray]
) -> Difference:
    against = "mean-logit" if reference.startswith("tile") else "full-pass"
    ours, theirs = right[arm, protocol], right[reference, against]
    interval = paired_difference(ours, theirs)
    return Difference(
        arm=arm,
        protocol=protocol,
        reference=reference,
        reference_protocol=against,
        headline=protocol == "mean-logit",
        interval=interval,
        mcnemar=()
        if protocol == "single-tile"
        else tuple(mcnemar(a, b) for a, b in zip(ours, theirs, strict=True)),
        verdict=verdict(
            f"{arm.replace('-', ' ')} ({protocol}, stride {int(arm.removeprefix('tile-')) // 4})",
            f"{reference.replace('-', ' ')} ({against})",
            interval,
        ),
    )
