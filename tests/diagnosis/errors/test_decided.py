"""What is said of errors and labels follows the decision that the classifier makes, not what its tiles would."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis import Diagnosis, diagnose
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.errors import explaining
from nearsight.diagnosis.errors.hidden import covered, hide
from nearsight.diagnosis.removal import removal_cost
from nearsight.errors import InputError
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing

HALF = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SIDE, TILE = 24, 8
PARTS = ("gate", "errors", "labels")


class Side(nn.Module):
    """Says on which side of its view the brighter pixels are: of a whole image, of a tile alone."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of left and right."""
        left, right = (half.mean((1, 2, 3)) for half in images.chunk(2, dim=3))
        return 40 * torch.stack([left - right, right - left], dim=1)


class Colour(nn.Module):
    """Says whether there are more bright red dots or more blue ones, of a whole image as of a tile."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of red and blue."""
        dots = (images - 0.5).relu().mean((2, 3))
        return 40 * torch.stack([dots[:, 0] - dots[:, 2], dots[:, 2] - dots[:, 0]], dim=1)


class Waves(nn.Module):
    """Gives each of 40 classes a logit that jumps with the mean of the view."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return torch.cos(1000 * images.mean((1, 2, 3))[:, None] * torch.arange(1, 41))


def squares(count: int, seed: int = 0) -> tuple[Tensor, np.ndarray]:
    """Return dark images with a bright square, and whether it is on the right."""
    random = np.random.default_rng(seed)
    pixels = torch.from_numpy(random.integers(0, 20, (count, 3, SIDE, SIDE), dtype=np.uint8))
    right = random.integers(2, size=count)
    for picture, side in zip(pixels, right.tolist(), strict=True):
        top, left = random.integers(0, SIDE - 6), random.integers(0, SIDE // 2 - 6) + side * SIDE // 2
        picture[:, top : top + 6, left : left + 6] = 240
    return pixels, right


def image_set(pixels: Tensor, labels: np.ndarray) -> ImageSet:
    names = tuple(f"{i}.png" for i in range(len(pixels)))
    return ImageSet("squares", "test", ("left", "right"), labels, MemoryImages(pixels, names))


def bound(network: nn.Module, tile: int | None = None, stride: int = 4) -> TiledModel:
    known = Classifier(network, Architecture("own", classes=2, tile=tile), ("left", "right"), tile, HALF)
    return TiledModel(known.eval(), tile=TILE, stride=stride)


@pytest.fixture(scope="module")
def placed() -> tuple[TiledModel, ImageSet, Diagnosis]:
    """A classifier of places, right by its full pass, and its diagnosis; ten labels are wrong."""
    pixels, right = squares(60)
    model, images = bound(Side()), image_set(pixels, right)
    return model, images, diagnose(model, images, parts=PARTS, faithfulness=0)


def test_a_classifier_that_is_right_by_its_full_pass_has_no_errors_whatever_its_tiles_say(placed) -> None:
    model, images, found = placed
    scored = evaluate(model, images)
    assert (scored.predictions["full-pass"] == images.labels).all()
    assert (scored.predictions["mean-logit"] != images.labels).sum() > 10
    assert found["errors"].errors == ()


def test_where_classes_differ_only_in_place_no_right_label_is_contradicted(placed) -> None:
    assert placed[2]["labels"].suspects == ()


def test_its_real_errors_are_listed_all_of_them_and_no_others() -> None:
    pixels, right = squares(60, seed=1)
    model = bound(Side())
    labels = right.copy()
    labels[:5] = 1 - labels[:5]
    images = image_set(pixels, labels)
    found = diagnose(model, images, parts=PARTS, faithfulness=0)
    scored = evaluate(model, images)
    wrong = np.flatnonzero(scored.predictions["full-pass"] != labels).tolist()
    assert wrong == [0, 1, 2, 3, 4]
    assert sorted(error.index for error in found["errors"].errors) == wrong
    for error in found["errors"].errors:
        scores = torch.from_numpy(scored.scores["full-pass"][error.index])
        assert error.prediction == scores.argmax()
        assert error.margin == pytest.approx(float(scores.max() - scores[error.label]), rel=1e-6)
        assert error.kind == "removal"
    # They are also the labels that it contradicts.
    assert sorted(suspect.index for suspect in found["labels"].suspects) == wrong
    assert all(suspect.share is None for suspect in found["labels"].suspects)


def test_reasons_and_reliance_are_of_what_the_decision_loses_below_the_gate() -> None:
    pixels, right = squares(40, seed=3)
    images = replace(image_set(pixels, right), regions=MaskRegions(pixels[:, 0] > 200))
    found = diagnose(bound(Side()), images, parts=["reasons", "reliance"], faithfulness=0)
    assert found["reasons"].kind == found["reliance"].evidence == "removal"
    # Without the square the side is lost, so that the strongest tile is on it.
    pointing = found["reliance"].overall.pointing
    assert pointing.low > pointing.chance
    assert found["reliance"].overall.background.value is None
    for reasons in found["reasons"].classes:
        for tile in reasons.reasons[0].examples[:3]:
            shown = images.image(tile.index)[0, tile.top : tile.top + TILE, tile.left : tile.left + TILE]
            assert (shown > 200).any()


def test_too_many_classes_for_a_sample_leave_reasons_out_with_the_reason() -> None:
    names = tuple(f"class {number}" for number in range(40))
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 255, (40, 3, SIDE, SIDE), dtype=np.uint8))
    images = ImageSet("many", "test", names, np.arange(40), MemoryImages(pixels, ("",) * 40))
    known = Classifier(Waves(), Architecture("own", classes=40), names, None, HALF).eval()
    found = diagnose(TiledModel(known, tile=TILE, stride=8), images, parts=["reasons"], faithfulness=0)
    assert "too many classes" in found.absent["reasons"]


def coloured(count: int) -> tuple[Tensor, np.ndarray]:
    """Return dark images with dots of one colour at the top, fewer of the other below, and where blue is on top."""
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 100, (count, 3, SIDE, SIDE), dtype=np.uint8))
    dots = torch.from_numpy(random.random((count, SIDE, SIDE)))
    blue = random.integers(2, size=count)
    for picture, dotted, of_blue in zip(pixels, dots, blue.tolist(), strict=True):
        picture[2 if of_blue else 0, :12][dotted[:12] < 0.4] = 250
        picture[0 if of_blue else 2, 12:][dotted[12:] < 0.2] = 250
    return pixels, blue


def test_where_tiles_decide_alike_their_maps_explain_the_errors_and_flips_are_really_hidden() -> None:
    pixels, blue = coloured(80)
    labels = blue.copy()
    labels[:12] = 1 - labels[:12]
    images, model = image_set(pixels, labels), bound(Colour())
    found = diagnose(model, images, parts=PARTS, faithfulness=0)
    assert found["gate"].open
    errors = found["errors"].errors
    assert sorted(error.index for error in errors) == list(range(12))
    decision = Decision.of(model)
    for error in errors:
        assert error.kind == "tile"
        assert error.evidence is not None
        [tiles] = model.maps([images.image(error.index)])
        torch.testing.assert_close(error.evidence, tiles.logits[[error.prediction, error.label]])
        assert error.flip is not None
        assert error.flip.area is not None
        assert error.flip.area <= 0.5
        hidden = hide(images.image(error.index), covered(tiles.grid, error.flip.tiles))
        assert decision.predictions([hidden]).tolist() == [error.flip.to] != [error.prediction]


def test_one_image_that_its_tiles_predict_otherwise_is_explained_by_removal() -> None:
    pixels, blue = coloured(80)
    # Between the tiles, which lie apart, the first image has dots that only the whole image shows.
    pixels[0] = 0
    pixels[0, 2, 8:16, 8:16], pixels[0, 0, 20:22, 20:22] = 250, 250
    labels = blue.copy()
    labels[0] = 0
    images, model = image_set(pixels, labels), bound(Colour(), stride=16)
    scored = evaluate(model, images)
    assert scored.predictions["full-pass"][0] != scored.predictions["mean-logit"][0] == 0
    found = diagnose(model, images, parts=PARTS, faithfulness=0)
    assert found["gate"].open
    [error] = [error for error in found["errors"].errors if error.index == 0]
    assert error.kind == "removal"


def test_the_flips_of_a_tile_classifier_say_whether_they_hold_where_their_pixels_are_hidden() -> None:
    pixels, right = squares(60, seed=2)
    images, model = image_set(pixels, right), bound(Side(), tile=TILE)
    found = diagnose(model, images, parts=PARTS, faithfulness=0)
    scored = evaluate(model, images)
    wrong = np.flatnonzero(scored.predictions["mean-logit"] != images.labels).tolist()
    errors = found["errors"]
    assert sorted(error.index for error in errors.errors) == wrong
    flips = {error.index: error for error in errors.errors if error.flip is not None}
    decision = Decision.of(model)
    held = []
    for index, error in flips.items():
        pixels_covered = covered(error.grid, error.flip.tiles)
        assert error.flip.area == pytest.approx(float(pixels_covered.float().mean()))
        changed = decision.predictions([hide(images.image(index), pixels_covered)])[0] != error.prediction
        assert error.flip.holds == changed
        held.append(changed)
    assert errors.hidden.value == pytest.approx(np.mean(held))
    assert errors.hidden.n == len(flips)


def test_images_whose_changed_copies_exceed_the_memory_leave_their_errors_without_a_map(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels, right = squares(30, seed=4)
    labels = right.copy()
    labels[:3] = 1 - labels[:3]

    def refused(*_: object) -> None:
        raise InputError("an image has too many pixels")

    monkeypatch.setattr(explaining, "coarse_removal_map", refused)
    found = diagnose(bound(Side()), image_set(pixels, labels), parts=["errors"], faithfulness=0)
    assert [error.kind for error in found["errors"].errors] == [None] * 3
    assert any("too many pixels" in note for note in found.notes)
    assert found.table("errors")["rows"].isna().all()


def test_what_reasons_took_tiles_away_for_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, right = squares(40, seed=6)
    labels = right.copy()
    labels[:5] = 1 - labels[:5]
    model, images = bound(Side()), image_set(pixels, labels)
    alone = diagnose(model, images, parts=["errors"], faithfulness=0)["errors"]

    def again(*_: object) -> None:
        raise AssertionError("all images are in the sample")

    monkeypatch.setattr(explaining, "coarse_removal_map", again)
    found = diagnose(model, images, parts=["reasons", "errors"], faithfulness=0)["errors"]
    assert [error.index for error in found.errors] == [error.index for error in alone.errors]
    assert found.tried == alone.tried == 5
    for error, other in zip(found.errors, alone.errors, strict=True):
        assert (error.kind, error.flip, error.to_label) == (other.kind, other.flip, other.to_label)
        torch.testing.assert_close(error.evidence, other.evidence)


def test_of_large_images_fewer_errors_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, right = squares(30, seed=5)
    model, images = bound(Side()), image_set(pixels, 1 - right)
    one = removal_cost(model, images.image(0))
    monkeypatch.setattr(explaining, "MOST_PIXELS", 4 * one)
    found = diagnose(model, images, parts=["errors"], faithfulness=0)
    assert found["errors"].tried == sum(error.kind is not None for error in found["errors"].errors) == 4
    assert len(found["errors"].errors) == 30
    assert any("too long" in note for note in found.notes)
