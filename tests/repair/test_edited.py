"""A set with edits: the same images whether they are held or read one by one."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from tests.repair.conftest import stamp, unstamp

import nearsight
from nearsight.data.decode import decode_image
from nearsight.models import Preprocessing
from nearsight.repair.edited import edit_image, edited


def _same(image):
    return image


def test_a_held_and_a_streamed_set_are_edited_alike(painted) -> None:
    edits = {3: [stamp], 20: [stamp, unstamp]}
    held, streamed = (edited(painted(held=held), edits, _same) for held in (True, False))
    assert held.pixels is not None
    assert streamed.pixels is None
    for i in range(len(held)):
        assert torch.equal(held.image(i), streamed.image(i))
        assert torch.equal(streamed.tile(i, 1, 2, (3, 4)), held.tile(i, 1, 2, (3, 4)))
    assert np.array_equal(held.sizes, streamed.sizes)


def test_an_image_can_be_there_several_times_edited_and_as_it_is(painted) -> None:
    of = np.array([3, 3, 0, 30, 3])
    edits = {1: [stamp], 4: [stamp, unstamp]}
    held, streamed = (edited(painted(held=held), edits, _same, of) for held in (True, False))
    images = painted()
    wanted = [
        images.image(3),
        stamp(images, 3),
        images.image(0),
        images.image(30),
        edit_image(images, 3, edits[4]),
    ]
    for k, image in enumerate(wanted):
        assert torch.equal(held.image(k), image)
        assert torch.equal(streamed.image(k), image)
    assert held.labels.tolist() == streamed.labels.tolist() == images.labels[of].tolist()


def test_the_set_itself_stays_as_it_is(painted) -> None:
    images = painted(share=0)
    before = images.pixels.clone()
    changed = edited(images, {0: [stamp]}, _same)
    assert torch.equal(images.pixels, before)
    assert not torch.equal(changed.image(0), before[0])
    assert torch.equal(changed.pixels[1:], before[1:])


def test_an_edit_is_given_what_the_one_before_left_and_all_other_images(painted) -> None:
    images = painted(share=0, each=2)

    def beside(given, i):
        assert all(torch.equal(given.image(k), images.image(k)) for k in range(len(images)) if k != i)
        return given.image(i) // 2

    assert torch.equal(edit_image(images, 1, [stamp, beside]), stamp(images, 1) // 2)


def test_edits_that_leave_an_image_resized_fit_the_others(painted) -> None:
    resize = replace(Preprocessing((0.5,) * 3, (0.5,) * 3), resize_short=8).resize
    edits = {0: [stamp], 1: [lambda images, i: resize(images.image(i))]}
    held, streamed = (edited(painted(held=held), edits, resize) for held in (True, False))
    assert held.pixels.shape[2:] == (8, 8)
    assert streamed.sizes[:3].tolist() == [[8, 8], [8, 8], [16, 16]]
    for i in range(3):
        assert torch.equal(held.image(i), resize(streamed.image(i)))


@pytest.mark.parametrize("sides", [(24, 24), (24, 40)])
def test_edited_photographs_are_compressed_once_after_all_edits_as_their_files_are(tmp_path, sides) -> None:
    random = np.random.default_rng(0)
    for name, side in zip(("cat", "dog"), sides, strict=True):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(6):
            pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "train" / name / f"{i}.jpg", quality=60)
    images = nearsight.load(tmp_path, progress=False)["train"].select(np.arange(4))
    changed = edited(images, {1: [stamp, unstamp], 3: [stamp]}, _same)
    for i, edits in ((1, [stamp, unstamp]), (3, [stamp])):
        buffer, before = BytesIO(), replace(images, files=None)
        Image.fromarray(edit_image(before, i, edits).permute(1, 2, 0).numpy()).save(
            buffer, "JPEG", quality=60
        )
        assert torch.equal(changed.image(i), decode_image(buffer.getvalue()))
    for i in (0, 2):  # as they were
        assert torch.equal(changed.image(i), images.image(i))
