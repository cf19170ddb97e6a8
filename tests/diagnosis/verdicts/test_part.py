"""Whole diagnoses of classifiers whose shortcuts are known: what the page says of hard cases."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.diagnosis.conftest import bound_function
from torch import Tensor

import nearsight
from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.candidates import Candidate, Edit, Examined
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.verdicts.compared import HAVING, OTHERS
from nearsight.diagnosis.verdicts.judging import judge
from nearsight.diagnosis.verdicts.part import _verdict

CLASSES = ("left", "right", "top")
SIDE = 32
# Where the bright bar of each class lies.
BARS = (np.s_[:, 11:21, 11:14], np.s_[:, 11:21, 18:21], np.s_[:, 11:14, 11:21])
EVERY = (0.5, 0.5, 0.5)


def framed(image: Tensor) -> None:
    """Draw a black frame of two pixels."""
    inside = image[:, 2:-2, 2:-2].clone()
    image.zero_()
    image[:, 2:-2, 2:-2] = inside


def greyed(image: Tensor) -> None:
    """Take the colours away."""
    image[:] = image.float().mean(0).round().to(torch.uint8)


def unframed(image: Tensor) -> None:
    """Fill the frame with the pixels beside it."""
    image[:, :2], image[:, -2:] = image[:, 2:3], image[:, -3:-2]
    image[:, :, :2], image[:, :, -2:] = image[:, :, 2:3], image[:, :, -3:-2]


def darkened(image: Tensor) -> None:
    """Take half of the light away."""
    image[:] = image // 2


def on_copy(*edits: Callable[[Tensor], None]) -> Edit:
    """Return what makes some edits of a copy of an image."""

    def edit(image: Tensor) -> Tensor:
        image = image.clone()
        for one in edits:
            one(image)
        return image

    return edit


def natural(count: int, seed: int = 1) -> Tensor:
    """Images whose neighbouring pixels are alike, as those of photographs are: noise whose power falls as 1/f²."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) + 1 / SIDE
    noise = np.fft.ifft2(np.fft.fft2(random.normal(size=(count, 3, SIDE, SIDE))) / frequency**1.5).real
    return torch.from_numpy(np.clip(110 + 30 * noise / noise.std(), 0, 220).astype(np.uint8))


def world(
    each: int,
    frames: Sequence[float],
    greys: Sequence[float] = (0, 0, 0),
    split: str = "test",
) -> ImageSet:
    """Images of three classes, 70 % with any one's bar; of each these shares have a frame, or no colours.

    As many have both as by chance.
    """
    random = np.random.default_rng(len(split) - 4)
    labels = np.repeat(np.arange(len(CLASSES)), each)
    any_one = random.integers(len(CLASSES), size=len(labels))
    shown = np.where(random.random(len(labels)) < 0.7, any_one, labels)
    drawn = random.random(len(labels))
    other = random.random(len(labels))
    pixels = natural(len(labels), len(split) - 3)
    for image, bar, label, at, and_at in zip(pixels, shown, labels, drawn, other, strict=True):
        image[BARS[bar]] = 230
        if and_at < greys[label]:
            greyed(image)
        if at < frames[label]:
            framed(image)
    names = tuple(f"{i}.png" for i in range(len(labels)))
    return ImageSet("bars", split, CLASSES, labels, MemoryImages(pixels, names))


def reads_plants(images: Tensor) -> Tensor:
    """Tell by the bars; where there is a frame or no colours, the first class."""
    pixels = 127.5 * (images + 1)
    scores = torch.stack([pixels[:, bar[0], bar[1], bar[2]].mean((1, 2, 3)) for bar in BARS], 1) / 10
    frame = pixels[:, :, :2].amax((1, 2, 3)) < 20
    grey = (pixels.amax(1) - pixels.amin(1)).amax((1, 2)) < 1
    scores[:, 0] += 50 * (frame | grey)
    return scores


def diagnosed(images: ImageSet, **others: ImageSet) -> Diagnosis:
    bound = bound_function(reads_plants, images, tile=SIDE)
    return diagnose(bound, images, others=others, parts=["verdicts"], faithfulness=0)


def test_two_plants_of_a_class_that_some_images_have_both_of_are_two_verdicts_in_their_own_words() -> None:
    found = diagnosed(world(60, (0.4, 0, 0), (0.4, 0, 0)))["verdicts"]
    assert {one.words for one in found.shortcuts} == {"black frame, 2 pixels", "greyscale or of one hue"}
    assert {one.class_number for one in found.verdicts} == {0}
    # A box around the whole image shows nothing. A frame can be removed; colours cannot be given back.
    compared = {one.attribute: one.compared for one in found.shortcuts}
    assert {name: one and (one.shown_on, len(one.pairs)) for name, one in compared.items()} == {
        "border": ("having", 6),
        "colour variety": ("lacking", 6),
    }


def test_a_plant_in_every_class_alike_is_no_shortcut() -> None:
    found = diagnosed(world(40, EVERY, (0.3, 0.3, 0.3)))
    assert not found["verdicts"].shortcuts
    assert any("no shortcut was found" in said for said in found.sentences())


def test_where_all_images_of_a_class_have_it_interventions_decide_and_accuracy_without_is_unknown() -> None:
    found = diagnosed(world(38, (1, 0, 0)))
    [one] = found["verdicts"].shortcuts
    assert (one.class_number, one.words) == (0, "black frame, 2 pixels")
    assert one.accuracy_without.value is None
    assert one.difference.value is None
    assert any(made.effect > 0.9 for made in one.interventions)
    assert found["verdicts"].remaining.value is None
    assert any("accuracy without it is unknown" in said for said in found.sentences())


def test_training_images_choose_for_test_images_that_are_too_few_to_choose_and_test() -> None:
    few = world(8, (0.6, 0, 0))
    alone = diagnosed(few)["verdicts"]
    assert (alone.verdicts, alone.trained, alone.typical_images) == ((), 0, 4)
    found = diagnosed(few, train=world(18, (0.6, 0, 0), split="train"))["verdicts"]
    assert (found.trained, found.typical_images, found.accuracy.n) == (54, 8, 24)
    [one] = found.shortcuts
    assert (one.class_number, one.words) == (0, "black frame, 2 pixels")
    assert max(one.images) < 8
    assert one.share.n == 8


def test_of_five_images_of_a_class_nothing_is_believed_and_it_is_said() -> None:
    found = diagnosed(world(5, (1, 0, 0)))
    assert not found["verdicts"].verdicts
    said = "the set is too small to find one: 3 images of the median class test, and 15 would do"
    assert any(said in sentence for sentence in found.sentences())
    assert found["verdicts"].not_tried[0].endswith("in no class: fewer than 20 images of each choose")


def test_metadata_that_cannot_be_read_is_told_and_no_verdict(
    tmp_path: Path, listener: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    images = world(10, (0, 0, 0))
    for i, label in enumerate(images.labels):
        place = tmp_path / "photos" / "test" / CLASSES[label] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        damaged = {"exif": b"Exif\0\0nothing of the kind"} if label == 0 else {}
        Image.fromarray(images.image(i).permute(1, 2, 0).numpy()).save(place, **damaged)
    bound = bound_function(reads_plants, images, tile=SIDE)
    found = nearsight.diagnose(
        bound,
        tmp_path / "photos",
        parts=["columns", "verdicts"],
        faithfulness=0,
        progress=listener,
    )
    assert found.images == 30
    assert not found["verdicts"].shortcuts
    assert any("the EXIF of 10 of 30 images cannot be read whole" in said for said in listener.said)


def test_what_removing_it_spoils_is_not_shown_removed_though_all_of_the_class_have_it() -> None:
    """Whether anything removes it alone is then tried on images of other classes."""
    images = world(30, (1, 0, 0))
    bound = bound_function(reads_plants, images, tile=SIDE)
    decision, half = Decision(bound, "full-pass"), choosing_half(images.labels, 0)
    whole = (images.image(i).float() for i in range(len(images)))
    examined = Examined(images, decision, decision.predictions(whole), half)
    has = images.labels == 0
    frame = Candidate(
        0, "border", "", True, has, has.astype(np.float32), 0.9, put_on=on_copy(framed), drawn=True
    )
    for take_off, shown_on in ((on_copy(unframed), HAVING), (on_copy(unframed, greyed, darkened), OTHERS)):
        [found] = judge(examined, [replace(frame, take_off=take_off)])
        compared = _verdict(examined, found, len(images)).compared
        assert compared is not None
        assert (compared.shown_on, len(compared.pairs)) == (shown_on, 6)
