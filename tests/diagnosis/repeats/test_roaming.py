"""The same mark at different places is found in tiles that show it; of unlike tiles nothing is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.processes import in_processes
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.place import Place
from nearsight.diagnosis.repeats import TileAt, find_repeated_marks, roaming
from nearsight.diagnosis.repeats.overlay import Overlay
from nearsight.diagnosis.repeats.roaming import RoamingMark
from nearsight.evidence import TiledModel
from nearsight.together import all_processes

SIDE, TILE, MARK = 40, 16, 8


def smooth(count: int) -> Tensor:
    """Unlike images: noise whose power falls as that of photographs does."""
    random = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) + 1 / SIDE
    noise = np.fft.ifft2(np.fft.fft2(random.normal(size=(count, 3, SIDE, SIDE))) / frequency**1.5).real
    return torch.from_numpy(np.clip(128 + 50 * noise / noise.std(), 0, 255).astype(np.uint8))


def examined(marked: bool) -> tuple[Examined, dict[int, list[TileAt]], NDArray[np.bool_]]:
    """Two classes, half of the first with a purple mark at random places; a tile of each; and which are marked."""
    labels = np.repeat([0, 1], 40)
    pixels = smooth(len(labels))
    random = np.random.default_rng(2)
    has = (labels == 0) & (np.arange(len(labels)) % 2 == 0) & marked
    tiles: dict[int, list[TileAt]] = {0: [], 1: []}
    for i, label in enumerate(labels.tolist()):
        top, left = (int(start) for start in random.integers(0, SIDE - TILE + 1, 2))
        tiles[label].append(TileAt(i, top, left, TILE))
        if has[i]:
            # The mark is in the tile, not always at its same place.
            down, across = (int(shift) for shift in random.integers(2, 6, 2))
            mark = pixels[i, :, top + down : top + down + MARK, left + across : left + across + MARK]
            mark[:] = torch.tensor([130, 60, 160], dtype=torch.uint8)[:, None, None]
            mark[:, 2:4, 2:6] = 255
    images = ImageSet("toy", "test", ("a", "b"), labels, MemoryImages(pixels, ("",) * len(labels)))
    bound = TiledModel(lambda images: images.mean((2, 3))[:, :2], tile=8, classes=("a", "b"))
    choosing = np.ones(len(labels), dtype=bool)
    return Examined(images, Decision(bound, "mean-logit"), labels, choosing), tiles, has


def test_a_mark_at_random_places_is_found_in_the_tiles_that_show_it() -> None:
    given, tiles, has = examined(marked=True)
    (candidate,) = find_repeated_marks(given, tiles)
    assert candidate.class_number == 0
    assert candidate.words.startswith("the same mark, purple")
    assert np.array_equal(candidate.has, has)


def test_it_can_be_put_on_and_taken_off_wherever_it_is() -> None:
    given, tiles, has = examined(marked=True)
    (candidate,) = find_repeated_marks(given, tiles)
    assert candidate.put_on is not None
    assert candidate.take_off is not None
    clean, marked = (given.images.image(int(np.flatnonzero(which)[0])) for which in (~has, has))
    assert torch.equal(candidate.take_off(clean), clean)
    drawn = (candidate.put_on(clean) != clean).any(0)
    assert 0.9 * MARK**2 <= int(drawn.sum()) <= MARK**2
    assert not torch.equal(candidate.take_off(marked), marked)
    assert torch.equal(candidate.take_off(candidate.take_off(marked)), candidate.take_off(marked))


def test_several_processes_find_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    given, tiles, _ = examined(marked=True)
    (alone,) = find_repeated_marks(given, tiles)

    def find(_: int) -> bytes:
        with all_processes() as processes:
            shared = replace(given, decision=replace(given.decision, processes=processes))
            (found,) = find_repeated_marks(shared, tiles)
            return found.value.tobytes()

    assert in_processes(monkeypatch, 2, find) == [alone.value.tobytes()] * 2


def test_unlike_tiles_have_no_mark() -> None:
    given, tiles, _ = examined(marked=False)
    assert list(find_repeated_marks(given, tiles)) == []


def test_too_few_tiles_tell_nothing() -> None:
    given, tiles, _ = examined(marked=True)
    assert list(find_repeated_marks(given, {0: tiles[0][:4], 1: tiles[1]})) == []


def test_how_well_a_mark_matches_is_the_difference_at_its_best_place() -> None:
    random = np.random.default_rng(4)
    pixels = smooth(6)
    alpha = torch.from_numpy(random.random((5, 7)) < 0.6).float()
    light = torch.from_numpy(random.integers(0, 256, (3, 5, 7))).float() * alpha
    pixels[2, :, 9:14, 20:27] = torch.where(alpha > 0, light, pixels[2, :, 9:14, 20:27]).to(torch.uint8)
    mark = RoamingMark(Overlay(alpha, light, torch.zeros(5, 7)), Place(0.5, 0.5, 0.1, 0.1, "anywhere"))
    images = ImageSet("toy", "test", ("a",), np.zeros(6, dtype=np.int64), MemoryImages(pixels, ("",) * 6))
    windows = pixels.double().unfold(2, 5, 1).unfold(3, 7, 1)
    squares = ((windows - light[None, :, None, None].double()) ** 2 * alpha).sum((1, 4, 5))
    error = (squares / (3 * alpha.sum())).sqrt().flatten(1).amin(1).numpy()
    np.testing.assert_allclose(mark.values(images), np.maximum(0, 1 - error / 128), atol=1e-6)
    value, top, left = mark.best(pixels[2])
    assert (round(value, 6), top, left) == (1.0, 9, 20)


def test_of_very_many_classes_the_same_tiles_show_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    given, tiles, has = examined(marked=True)
    made: list[int] = []
    others_of = roaming._Others.of
    monkeypatch.setattr(
        roaming._Others, "of", staticmethod(lambda pixels: made.append(len(pixels)) or others_of(pixels))
    )
    monkeypatch.setattr(roaming, "FEW_CLASSES", 1)
    # Most tiles are of classes without such a mark.
    corners = [(top, left) for top in (0, 12, 24) for left in (0, 12, 24)]
    clean = [TileAt(one.image, top, left, TILE) for one in tiles[1] for top, left in corners]
    many = {0: tiles[0], **{1 + number: clean[number::9] for number in range(9)}}
    (candidate,) = find_repeated_marks(given, many)
    assert made == [160]
    assert np.array_equal(candidate.has, has)
