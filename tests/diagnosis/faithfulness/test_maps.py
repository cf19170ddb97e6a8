"""Faithfulness against a slow reference, and under a model whose pixels are known to matter."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from tests.diagnosis.conftest import PLAIN, bound_function
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.faithfulness.maps import Faithfulness, measure_faithfulness, scorer
from nearsight.errors import InputError
from nearsight.evidence import TiledModel, evidence

SIDE, TILE, STRIDE = 12, 4, 2


def toy(count: int = 6) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, SIDE // 2, SIDE // 2), generator=generator).to(torch.uint8)
    pixels = pixels.repeat_interleave(2, 2).repeat_interleave(2, 3)
    labels = np.zeros(count, dtype=np.int64)
    return ImageSet("toy", "test", ("a", "b", "c"), labels, MemoryImages(pixels, ("",) * count))


def measured(model: Any, images: ImageSet, protocol: str = "full-pass", **settings: Any) -> Faithfulness:
    return measure_faithfulness(bound_function(model, toy(1), PLAIN, **settings), images, protocol=protocol)


def additive(images: Tensor) -> Tensor:
    """Every pixel speaks for itself: its colour's channels are the logits."""
    return 4 * images.mean((2, 3))


def rows_of(found: Faithfulness) -> dict[str, tuple[float, float, float]]:
    return {
        row.method: (row.correlation.value, row.insertion.value, row.deletion.value) for row in found.rows
    }


def slow_figures(image: Tensor, values: Tensor, prediction: int) -> tuple[float, float, float]:
    """Correlation, insertion and deletion, one changed image at a time."""

    def probability(changed: Tensor) -> float:
        return float(additive(changed[None]).double().softmax(1)[0, prediction])

    mean = image.mean((1, 2))
    pixels = sorted(
        ((row, column) for row in range(SIDE) for column in range(SIDE)), key=lambda at: -float(values[at])
    )
    areas = []
    for keep in (True, False):
        curve = []
        for step in range(21):
            count = round(SIDE * SIDE * step / 20)
            changed = image.clone()
            for row, column in pixels[count:] if keep else pixels[:count]:
                changed[:, row, column] = mean
            curve.append(probability(changed))
        areas.append(sum((one + other) / 40 for one, other in pairwise(curve)))
    drops, means = [], []
    for top in range(0, SIDE - TILE + 1, TILE // 2):
        for left in range(0, SIDE - TILE + 1, TILE // 2):
            changed = image.clone()
            changed[:, top : top + TILE, left : left + TILE] = mean[:, None, None]
            drops.append(np.log(probability(image)) - np.log(probability(changed)))
            means.append(float(values[top : top + TILE, left : left + TILE].mean()))
    return float(spearmanr(means, drops).statistic), areas[0], areas[1]


def test_figures_of_evidence_are_those_of_a_slow_reference() -> None:
    images = toy()
    found = rows_of(measured(additive, images, tile=TILE, stride=1))
    expected = []
    for i in range(len(images)):
        image = PLAIN.normalise(images.image(i))
        prediction = int(additive(image[None]).argmax())
        [one] = evidence(additive, image[None], tile=TILE, stride=1, grid="covering")
        expected.append(slow_figures(image, one.per_pixel(prediction), prediction))
    assert found["evidence"] == pytest.approx(np.mean(expected, axis=0).tolist(), abs=2e-3)


def test_where_pixels_add_up_evidence_beats_random_maps_and_edges() -> None:
    found = rows_of(measured(additive, toy(), tile=TILE, stride=1))
    assert found["evidence"][0] > max(found["random"][0], found["edges"][0]) + 0.3
    assert found["evidence"][1] > max(found["random"][1], found["edges"][1])
    assert found["evidence"][2] < min(found["random"][2], found["edges"][2])


def test_chance_is_the_random_map_and_the_notes_say_what_is_left_out() -> None:
    result = measured(additive, toy(), tile=TILE, stride=STRIDE)
    rows = {row.method: row for row in result.rows}
    assert list(rows) == ["evidence", "removal", "random", "edges"]
    assert rows["evidence"].insertion.chance == pytest.approx(rows["random"].insertion.value)
    assert rows["edges"].deletion.chance == pytest.approx(rows["random"].deletion.value)
    assert rows["random"].insertion.chance is None
    assert {row.correlation.chance for row in result.rows} == {0.0}
    assert "Grad-CAM is left out" in result.notes[-1]


def test_a_network_is_measured_beside_grad_cam() -> None:
    pytest.importorskip("pytorch_grad_cam")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
        ).eval()
    result = measured(network, toy(3), tile=TILE, stride=STRIDE, protocol="mean-logit")
    assert [row.method for row in result.rows] == ["evidence", "removal", "random", "edges", "grad-cam"]
    assert (result.protocol, result.images) == ("mean-logit", 3)


def test_the_score_under_mean_logit_is_the_mean_of_tiles_side_by_side() -> None:
    def brightest(images: Tensor) -> Tensor:
        return images.amax((2, 3))

    images = torch.stack([PLAIN.normalise(toy().image(i)) for i in range(2)])
    bound = TiledModel(brightest, tile=5)
    maps = evidence(brightest, images, tile=5, stride=5, grid="covering")
    expected = torch.stack([one.mean() for one in maps])
    torch.testing.assert_close(scorer(bound, "mean-logit")(images), expected)
    torch.testing.assert_close(scorer(bound, "full-pass")(images), brightest(images))


def test_a_protocol_without_logits_is_refused_and_an_empty_set_has_no_rows() -> None:
    with pytest.raises(InputError, match="unknown protocol with logits 'vote'"):
        measured(additive, toy(), tile=TILE, stride=STRIDE, protocol="vote")
    assert measured(additive, toy(0), tile=TILE, stride=STRIDE).rows == ()


def test_equal_maps_say_nothing_and_a_single_tile_has_no_correlation() -> None:
    [row, *_] = measured(additive, toy(), tile=SIDE, stride=SIDE).rows
    assert row.correlation.value is None
    assert row.insertion.value is not None
