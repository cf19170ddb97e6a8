"""Near-duplicates: copies that were planted are found, other pictures are not."""

from io import BytesIO

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nearsight import load
from nearsight.data import ImageSet, MemoryImages, decode_image, thumbnails
from nearsight.diagnosis.labels import duplicates
from nearsight.diagnosis.labels.duplicates import near_duplicates

CLASSES = ("cat", "dog")


class VariedImages:
    """Images of several sizes, as a streamed set gives them."""

    def __init__(self, images: list[Tensor]) -> None:
        self.images = images
        self.sizes = np.array([image.shape[1:] for image in images], dtype=np.int32)

    def image(self, i: int) -> Tensor:
        return self.images[i]

    def path(self, i: int) -> str:
        return f"image-{i}.png"


def pictures(count: int, seed: int, side: int = 32) -> Tensor:
    """Blotches of random colour, soft as photographs are."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(30, 226, (count, 3, 9, 9), generator=generator).float()
    return F.interpolate(coarse, size=(side, side), mode="bilinear").byte()


def image_set(split: str, pixels: Tensor, labels: list[int] | None = None) -> ImageSet:
    paths = tuple(f"{split}/{i}.png" for i in range(len(pixels)))
    numbers = np.zeros(len(pixels), dtype=np.int64) if labels is None else np.array(labels)
    return ImageSet("toy", split, CLASSES, numbers, MemoryImages(pixels, paths))


def varied_set(split: str, images: list[Tensor]) -> ImageSet:
    return ImageSet("toy", split, CLASSES, np.zeros(len(images), dtype=np.int64), VariedImages(images))


def saved_badly(image: Tensor) -> Tensor:
    buffer = BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=75)
    return decode_image(buffer.getvalue())


def brighter(image: Tensor) -> Tensor:
    return (image.float() * 0.6 + 90).byte()


def with_a_gradient(image: Tensor) -> Tensor:
    return (image.float() * 0.5 + torch.linspace(0, 120, image.shape[1])[:, None]).byte()


def tinted(image: Tensor) -> Tensor:
    return (image.float() * 0.7 + torch.tensor([70.0, 0.0, 30.0]).view(3, 1, 1)).byte()


def enlarged(image: Tensor) -> Tensor:
    return F.interpolate(image[None].float(), size=(75, 58), mode="bilinear")[0].byte()


@pytest.mark.parametrize("change", [torch.clone, saved_badly, brighter, with_a_gradient, tinted, enlarged])
def test_a_copy_is_found_however_it_was_saved(change) -> None:
    train = pictures(40, seed=0)
    test = varied_set("test", [pictures(1, seed=1)[0], change(train[17]), pictures(1, seed=2)[0]])
    [found] = near_duplicates(test, {"train": image_set("train", train)})
    assert (found.index, found.path) == (1, "image-1.png")
    assert (found.other_split, found.other_index, found.other_path) == ("train", 17, "train/17.png")
    assert found.distance < 0.4
    assert found.distance == 0 or change is not torch.clone


def test_other_pictures_are_no_copies_though_their_horizon_is_the_same() -> None:
    horizon = torch.where(torch.arange(32) < 16, 0.0, 110.0)[:, None]
    one, other = ((pictures(50, seed).float() * 0.5 + horizon).byte() for seed in (3, 4))
    assert near_duplicates(image_set("test", one), {"train": image_set("train", other)}) == ()


def test_each_split_that_holds_an_image_is_named_with_its_label_and_the_nearest_come_first() -> None:
    test = pictures(3, seed=5)
    train = image_set("train", torch.stack([saved_badly(test[2]), test[0]]), labels=[1, 0])
    val = image_set("val", test[2:])
    found = near_duplicates(image_set("test", test), {"train": train, "val": val})
    pairs = [(each.index, each.other_split, each.other_index, each.same_label) for each in found]
    assert pairs == [(0, "train", 1, True), (2, "val", 0, True), (2, "train", 0, False)]
    distances = [each.distance for each in found]
    assert distances == sorted(distances)
    assert near_duplicates(image_set("test", test), {"train": train, "val": val}, most=2) == found[:2]


def test_images_too_plain_to_tell_are_left_out() -> None:
    flat = torch.full((4, 3, 32, 32), 128, dtype=torch.uint8)
    flat[1, :, ::2] = 129
    gradient = torch.linspace(0, 255, 32).byte().expand(3, 32, 32)
    plain = image_set("test", torch.cat([flat, gradient[None], gradient[None].mT]))
    assert near_duplicates(plain, {"train": plain}) == ()
    small = image_set("test", pictures(4, seed=6, side=12))
    assert near_duplicates(small, {"train": small}) == ()


def test_searching_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = pictures(50, seed=7), pictures(30, seed=8)
    test[[3, 11, 29]] = train[[49, 0, 20]]
    sets = image_set("test", test), {"train": image_set("train", train)}
    whole = near_duplicates(*sets)
    monkeypatch.setattr(duplicates, "CHUNK", 7)
    monkeypatch.setattr(thumbnails, "CHUNK", 7)
    assert [(each.index, each.other_index) for each in whole] == [(3, 49), (11, 0), (29, 20)]
    assert near_duplicates(*sets) == whole


def test_sets_without_images_hold_no_copies() -> None:
    empty, some = image_set("test", pictures(0, seed=0)), image_set("train", pictures(3, seed=0))
    assert near_duplicates(empty, {"train": some}) == ()
    assert near_duplicates(some, {"test": empty}) == ()
    assert near_duplicates(some, {}) == ()


def test_stl10_holds_known_copies_across_its_splits(real_data) -> None:
    splits = load(str(real_data("stl10")))
    few = splits["test"].select(np.arange(400, 460))
    found = near_duplicates(few, {"train": splits["train"]})
    assert "test/truck/0429.webp" in {each.path for each in found}
    assert all(each.same_label for each in found)
    assert len(found) <= 3


@pytest.mark.parametrize("floats", [1, 4 * 3 * 37 * 50, 10 * 4 * 3 * 37 * 50, 2**25])
def test_images_reduced_in_parts_have_the_same_thumbnails(
    floats: int,
) -> None:
    pixels = torch.randint(0, 256, (7, 3, 37, 50), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert torch.equal(thumbnails._reduced(pixels, floats), F.adaptive_avg_pool2d(pixels.float(), 16))
