"""`scenes`: determinism, what the knob does, and masks compared with matting by two backgrounds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, chi2_contingency

from nearsight.data import scenes
from nearsight.data.scene_objects import DrawnObject, draw_object
from nearsight.data.scenes import BACKGROUNDS, SHAPES, SceneImages, draw_scenes
from nearsight.errors import InputError

COUNT = 400


@pytest.fixture(scope="module")
def drawn() -> Callable[[str, float], SceneImages]:
    """Return splits of 400 images, each drawn once for this module."""
    kept: dict[tuple[str, float], SceneImages] = {}

    def draw(split: str, shortcut: float) -> SceneImages:
        if (split, shortcut) not in kept:
            kept[split, shortcut] = draw_scenes(split, shortcut=shortcut, count=COUNT)
        return kept[split, shortcut]

    return draw


def same(first: SceneImages, second: SceneImages) -> bool:
    return (
        torch.equal(first.pixels, second.pixels)
        and torch.equal(first.masks, second.masks)
        and np.array_equal(first.labels, second.labels)
        and np.array_equal(first.backgrounds, second.backgrounds)
    )


def first_images(images: SceneImages, count: int) -> SceneImages:
    return SceneImages(
        images.pixels[:count],
        images.masks[:count],
        images.labels[:count],
        images.backgrounds[:count],
        images.classes,
        images.background_names,
    )


def channels_last(images: SceneImages) -> torch.Tensor:
    return images.pixels.permute(0, 2, 3, 1)


def grown(masks: torch.Tensor) -> torch.Tensor:
    """Masks with every neighbour of theirs, diagonal ones included."""
    return torch.nn.functional.max_pool2d(masks.float(), 3, stride=1, padding=1).bool()


@pytest.mark.parametrize("split", ["train", "val", "test", "shuffled", "swapped"])
def test_fewer_images_are_the_first_of_more_whatever_the_global_generators(split: str) -> None:
    torch.manual_seed(1)
    more = draw_scenes(split, seed=3, count=20)
    torch.manual_seed(2)
    assert same(draw_scenes(split, seed=3, count=10), first_images(more, 10))


def test_seeds_and_splits_differ() -> None:
    sets = [draw_scenes(split, seed=seed, count=8) for seed in (0, 1) for split in ("train", "val", "test")]
    for i, one in enumerate(sets):
        for other in sets[:i]:
            assert (one.masks != other.masks).any(dim=(1, 2)).all()


def test_test_splits_show_the_same_objects(drawn: Callable[[str, float], SceneImages]) -> None:
    for split in ("shuffled", "swapped"):
        assert torch.equal(drawn(split, 0.5).masks, drawn("test", 0.5).masks)


def test_shuffled_and_swapped_do_not_depend_on_the_knob() -> None:
    for split in ("shuffled", "swapped"):
        assert same(draw_scenes(split, shortcut=0, count=16), draw_scenes(split, shortcut=1, count=16))


@pytest.mark.parametrize("shortcut", [0.0, 0.5, 1.0])
def test_share_of_own_backgrounds(drawn: Callable[[str, float], SceneImages], shortcut: float) -> None:
    images = drawn("test", shortcut)
    own = int((images.backgrounds == images.labels).sum())
    assert binomtest(own, COUNT, shortcut + (1 - shortcut) / 8).pvalue > 1e-3


@pytest.mark.parametrize(("split", "shortcut"), [("test", 0.0), ("shuffled", 0.5)])
def test_backgrounds_independent_of_class(
    drawn: Callable[[str, float], SceneImages], split: str, shortcut: float
) -> None:
    images = drawn(split, shortcut)
    table = np.zeros((8, 8), dtype=int)
    np.add.at(table, (images.labels, images.backgrounds), 1)
    assert chi2_contingency(table).pvalue > 1e-3
    assert (table.sum(axis=0) > COUNT / 16).all()


def test_swapped_shows_every_background_but_the_own(drawn: Callable[[str, float], SceneImages]) -> None:
    images = drawn("swapped", 0.5)
    pairs = set(zip(images.labels.tolist(), images.backgrounds.tolist(), strict=True))
    assert pairs == {(label, kind) for label in range(8) for kind in range(8) if label != kind}


def test_rising_knob_only_turns_backgrounds_to_the_own(drawn: Callable[[str, float], SceneImages]) -> None:
    none, half = drawn("test", 0.0), drawn("test", 0.5)
    unchanged = none.backgrounds == half.backgrounds
    assert 0 < unchanged.sum() < COUNT
    assert (half.backgrounds[~unchanged] == half.labels[~unchanged]).all()
    assert torch.equal(none.pixels[unchanged], half.pixels[unchanged])
    assert torch.equal(none.masks, half.masks)


def test_images_show_the_object_inside_the_mask_and_the_bare_background_outside(
    drawn: Callable[[str, float], SceneImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = DrawnObject(np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32))
    none, own = drawn("test", 0.0), drawn("test", 1.0)
    monkeypatch.setattr(scenes, "draw_object", lambda *_, **_options: nothing)
    bare = draw_scenes("test", shortcut=0, count=64)
    assert not bare.masks.any()
    none, own = first_images(none, 64), first_images(own, 64)
    masks = none.masks
    off, deep = ~grown(masks), ~grown(~masks)
    assert torch.equal(channels_last(none)[off], channels_last(bare)[off])
    # Slits narrower than a pixel, as between two rungs, let a little background through.
    assert (channels_last(none) == channels_last(own)).all(dim=-1)[deep].float().mean() > 0.995
    assert (channels_last(none) != channels_last(bare)).any(dim=-1)[masks].float().mean() > 0.99


@pytest.mark.parametrize("name", SHAPES)
def test_mask_is_what_two_backgrounds_reveal(name: str) -> None:
    # Where black and white backgrounds give the same pixel, the object hides them; the difference is its
    # transparency (triangulation matting, Smith and Blinn 1996).
    for seed in range(20):
        item = draw_object(SHAPES[name], np.random.default_rng(seed))
        black, white = (item.on(np.full((64, 64, 3), tone, np.float32)).astype(int) for tone in (0, 1))
        transparency = (white - black).mean(axis=-1) / 255
        np.testing.assert_allclose(1 - transparency, item.coverage, atol=1 / 255)
        clear = np.abs(transparency - 0.5) > 1 / 255
        assert np.array_equal(item.mask[clear], transparency[clear] < 0.5)
        assert item.mask[item.coverage == 0.5].all()


def test_objects_lie_inside_and_fill_an_eighth_to_two_fifths(
    drawn: Callable[[str, float], SceneImages],
) -> None:
    masks = drawn("test", 0.5).masks
    area = masks.float().mean(dim=(1, 2))
    assert area.min() >= 0.12
    assert area.max() <= 0.40
    assert not masks[:, [0, -1]].any()
    assert not masks[:, :, [0, -1]].any()


def test_classes_are_balanced_and_types_are_as_documented(drawn: Callable[[str, float], SceneImages]) -> None:
    images = drawn("test", 0.5)
    assert np.bincount(images.labels).tolist() == [COUNT // 8] * 8
    assert (images.pixels.dtype, images.masks.dtype) == (torch.uint8, torch.bool)
    assert (images.labels.dtype, images.backgrounds.dtype) == (np.int64, np.int64)
    assert images.pixels.is_contiguous()


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_a_kind_of_background_is_textured_and_varies(kind: str) -> None:
    fields = np.stack([BACKGROUNDS[kind](np.random.default_rng(seed)) for seed in range(12)])
    quarters = fields.reshape(12, 4, 16, 4, 16, 3)
    assert (quarters.std(axis=(2, 4)).max(axis=-1) > 0.01).mean() > 0.95
    assert fields.mean(axis=(1, 2)).std(axis=0).max() > 0.02


@pytest.mark.parametrize("shortcut", [-0.1, 1.5, float("nan")])
def test_a_shortcut_outside_0_to_1_is_refused(shortcut: float) -> None:
    with pytest.raises(InputError, match="shortcut must be from 0"):
        draw_scenes("train", shortcut=shortcut, count=1)


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'swapped'"):
        draw_scenes("swaped", count=1)
    with pytest.raises(InputError, match="seed of scenes must be 0 or more, got -1"):
        draw_scenes("train", seed=-1, count=1)
    with pytest.raises(InputError, match="count of scenes must be 1 or more, got 0"):
        draw_scenes("train", count=0)


def test_small_objects_are_the_usual_ones_at_another_length() -> None:
    usual, small = (draw_scenes("train", shortcut=0, size=size, count=16) for size in (1.0, 0.35))
    assert usual.pixels.equal(draw_scenes("train", shortcut=0, count=16).pixels)
    assert np.array_equal(usual.backgrounds, small.backgrounds)
    shares = small.masks.float().mean((1, 2)) / usual.masks.float().mean((1, 2))
    # The outline is a pixel wide at every size.
    assert ((shares > 0.35**2) & (shares < 0.25)).all()


@pytest.mark.parametrize("size", [0.0, 1.5, float("nan")])
def test_a_size_beyond_the_usual_is_refused(size: float) -> None:
    with pytest.raises(InputError, match=r"size must be from 0\.1 to 1"):
        draw_scenes("train", size=size)
