"""What is drawn over some images of a class is found, named, put on and taken off; of clean images nothing is."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.repeats import find_fixed_patterns
from nearsight.evidence import TiledModel

SIDE = 32


def natural(count: int, seed: int) -> Tensor:
    """Images whose neighbouring pixels are alike, as those of photographs are: noise whose power falls as 1/f²."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) + 1 / SIDE
    noise = np.fft.ifft2(np.fft.fft2(random.normal(size=(count, 3, SIDE, SIDE))) / frequency**1.5).real
    noise = (noise - noise.mean()) / noise.std()
    return torch.from_numpy(np.clip(128 + 50 * noise, 0, 255).astype(np.uint8))


def frame(pixels: Tensor) -> None:
    """Draw a black frame of two pixels."""
    inside = pixels[:, 2:-2, 2:-2].clone()
    pixels.zero_()
    pixels[:, 2:-2, 2:-2] = inside


def stamp(pixels: Tensor) -> None:
    """Draw a purple square with a white middle at the bottom left."""
    pixels[:, -7:-1, 1:7] = torch.tensor([130, 60, 160], dtype=torch.uint8)[:, None, None]
    pixels[:, -5:-3, 3:5] = 255


def veil(pixels: Tensor) -> None:
    """Draw a translucent white cross over the middle."""
    for part in (np.s_[:, 14:18, 4:28], np.s_[:, 6:26, 14:18]):
        pixels[part] = (0.6 * pixels[part].float() + 0.4 * 255).round().to(torch.uint8)


def nothing(pixels: Tensor) -> None:
    """Draw nothing."""


def examined(draw=nothing, share: float = 0.5, classes: int = 2) -> tuple[Examined, NDArray[np.bool_]]:
    """Images of some classes, a share of the first one's drawn over; and which."""
    labels = np.repeat(np.arange(classes), 80)
    pixels = natural(len(labels), seed=1)
    random = np.random.default_rng(2)
    drawn = (labels == 0) & (random.random(len(labels)) < share)
    for i in np.flatnonzero(drawn):
        draw(pixels[i])
    names = tuple(f"class {number}" for number in range(classes))
    images = ImageSet("toy", "test", names, labels, MemoryImages(pixels, tuple(map(str, labels))))
    bound = TiledModel(lambda images: images.mean((2, 3))[:, :classes], tile=8, classes=names)
    choosing = random.random(len(labels)) < 0.5
    return Examined(images, Decision(bound, "mean-logit"), labels, choosing), drawn


def found(given: Examined) -> list[Candidate]:
    return list(find_fixed_patterns(given))


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (frame, "black frame, 2 pixels"),
        (stamp, "the same mark, purple, at the bottom left corner"),
        (veil, "a pale watermark across the middle, white"),
    ],
)
def test_what_is_drawn_over_half_of_a_class_is_found_and_named(draw, words) -> None:
    given, drawn = examined(draw)
    (candidate,) = found(given)
    assert candidate.class_number == 0
    assert candidate.words == words
    assert candidate.effect > 0.95
    assert (candidate.has & drawn).sum() / (candidate.has | drawn).sum() > 0.9


@pytest.mark.parametrize("draw", [frame, stamp, veil])
def test_what_is_put_on_can_be_seen_and_taken_off_again(draw) -> None:
    given, drawn = examined(draw)
    (candidate,) = found(given)
    assert candidate.put_on is not None
    assert candidate.take_off is not None
    clean = given.images.image(int(np.flatnonzero(~drawn)[0]))
    before = clean.clone()
    ours, truth = candidate.put_on(clean), clean.clone()
    draw(truth)
    assert torch.equal(clean, before)
    assert (ours.float() - truth.float()).abs().mean() < 2.5
    again = candidate.take_off(ours)
    changed = (truth != clean).any(0)
    away = ~torch.from_numpy(dilated(changed.numpy()))
    assert torch.equal(again[:, away], clean[:, away])
    assert (again.float() - clean.float())[:, changed].abs().mean() < (truth.float() - clean.float())[
        :, changed
    ].abs().mean()


def dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    grown = mask.copy()
    for down in (-2, -1, 0, 1, 2):
        for across in (-2, -1, 0, 1, 2):
            grown |= np.roll(mask, (down, across), (0, 1))
    return grown


def test_of_clean_images_nothing_is_found() -> None:
    assert found(examined(classes=4)[0]) == []


def test_what_is_drawn_over_every_class_alike_speaks_for_none() -> None:
    given, _ = examined(classes=3)
    assert given.images.pixels is not None
    for pixels in given.images.pixels:
        stamp(pixels)
    assert found(given) == []


def test_all_images_of_a_class_may_have_it() -> None:
    given, _ = examined(stamp, share=1.1)
    (candidate,) = found(given)
    assert candidate.has[given.labels == 0].all()
    assert not candidate.has[given.labels == 1].any()


def test_two_marks_of_one_class_are_two() -> None:
    given, drawn = examined(stamp)
    assert given.images.pixels is not None
    other = (given.labels == 0) & ~drawn
    for i in np.flatnonzero(other):
        given.images.pixels[i, :, 2:8, -9:-3] = torch.tensor([240, 240, 60], dtype=torch.uint8)[:, None, None]
    both = {candidate.words: candidate.has for candidate in found(given)}
    assert len(both) == 2
    assert np.array_equal(both["the same mark, purple, at the bottom left corner"], drawn)


def test_classes_too_small_to_tell_give_nothing() -> None:
    given, _ = examined(stamp)
    few = np.concatenate([np.arange(4), np.arange(80, 84)])
    small = Examined(given.images.select(few), given.decision, given.labels[few], np.ones(8, dtype=bool))
    assert found(small) == []
