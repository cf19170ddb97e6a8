"""An evaluation that is interrupted goes on where it was, and ends with the scores of one that was not."""

import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.processes import in_processes
from torch import nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.evaluation import chunks, evaluating, kept_blocks, scoring
from nearsight.evaluation import evaluate as evaluate_set
from nearsight.evaluation.kept_blocks import KeptBlocks
from nearsight.evaluation.kept_scores import made_by
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.together import all_processes

CLASSES = ("cat", "dog", "owl")


class Interrupting:
    """Who watches and presses Ctrl-C when so many images are done; keeps what was said and how many were done."""

    def __init__(self, after: int | None = None) -> None:
        self.after, self.done, self.said = after, 0, ""

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said += text

    warn = say

    def count(self, _what: str, done: int, *_more: Any) -> None:
        """Press it, or keep a count."""
        self.done = done
        if done == self.after:
            raise KeyboardInterrupt


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> ImageSet:
    for module in (chunks, evaluating, scoring):
        monkeypatch.setattr(module, "BLOCK", 4)
    pixels = torch.randint(
        256, (18, 3, 12, 10), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    return ImageSet("toy", "test", CLASSES, np.arange(18) % 3, MemoryImages(pixels, ("",) * 18))


@pytest.fixture
def bound() -> TiledModel:
    torch.manual_seed(0)
    architecture = Architecture("airbench", classes=3, width=0.1)
    half = (0.5, 0.5, 0.5)
    toy = Classifier(architecture.build(), architecture, CLASSES, 6, Preprocessing(half, half)).eval()
    return TiledModel(toy, stride=2)


@pytest.mark.parametrize("protocols", [["full-pass"], ["full-pass", "vote"]])
def test_what_was_scored_is_not_scored_again(
    protocols: list[str], bound: TiledModel, images: ImageSet, tmp_path: Path
) -> None:
    whole = evaluate_set(bound, images, protocols=protocols)
    keep = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt, match="the same command continues"):
        evaluate_set(bound, images, protocols=protocols, keep=keep, progress=Interrupting(after=11))
    watching = Interrupting()
    found = evaluate_set(bound, images, protocols=protocols, keep=keep, progress=watching)
    # Two blocks of four were whole.
    assert (watching.done, "8 images were scored" in watching.said) == (10, True)
    for name in protocols:
        np.testing.assert_array_equal(found.scores[name], whole.scores[name])
    assert {**found.settings, "seconds": 0} == {**whole.settings, "seconds": 0}


def test_other_images_weights_and_settings_are_scored_anew(
    bound: TiledModel, images: ImageSet, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate_set(bound, images, keep=tmp_path, progress=Interrupting(after=11))
    other = replace(images, images=MemoryImages(images.pixels.flip(0), ("",) * 18))
    # Files with more than 8 bits may have been read in another range.
    ranged = replace(images, images=MemoryImages(images.pixels, ("",) * 18, (0, 4095)))
    for model, given in ((bound, other), (bound, ranged), (bound.at(6, 3), images)):
        watching = Interrupting()
        evaluate_set(model, given, keep=tmp_path, progress=watching)
        assert watching.done == 18
    # A damaged block alone.
    block = tmp_path / "block-000001.safetensors"
    block.write_bytes(block.read_bytes()[:-1])
    watching = Interrupting()
    evaluate_set(bound, images, keep=tmp_path, progress=watching)
    assert watching.done == 14


def test_layers_without_weights_are_part_of_a_network() -> None:
    def made(activation: nn.Module) -> Any:
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3), activation, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4, 3)
        )
        return made_by(TiledModel(Classifier.of(network, classes=CLASSES, tile=6)))

    assert made(nn.ReLU()) == made(nn.ReLU()) != made(nn.GELU())


def test_short_evaluations_leave_nothing_and_long_ones_write_as_they_go(
    bound: TiledModel, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate_set(bound, images, keep=tmp_path / "short")
    assert not (tmp_path / "short").exists()
    monkeypatch.setattr(kept_blocks, "KEEP_SECONDS", -1.0)
    evaluate_set(bound, images, keep=tmp_path / "long")
    assert len([*(tmp_path / "long").iterdir()]) == 5


def test_maps_that_were_kept_are_held_a_block_at_a_time(
    bound: TiledModel, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_blocks, "KEEP_SECONDS", -1.0)
    held: list[weakref.ref[EvidenceMap]] = []
    alive: list[int] = []

    def observe(_place: int, evidence_map: EvidenceMap) -> None:
        held.append(weakref.ref(evidence_map))
        alive.append(sum(one() is not None for one in held))

    for _ in range(2):
        held.clear()
        alive.clear()
        evaluate_set(bound, images, keep=tmp_path, observe=observe)
        assert (len(alive), max(alive)) == (18, 4)


def test_a_block_that_is_lost_while_it_is_read_is_said(
    bound: TiledModel, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_blocks, "KEEP_SECONDS", -1.0)
    evaluate_set(bound, images, keep=tmp_path)
    known = KeptBlocks.known

    def lost(kept: KeptBlocks[Any], blocks: Iterable[int]) -> set[int]:
        found = known(kept, blocks)
        (tmp_path / "block-000002.safetensors").unlink()
        return found

    monkeypatch.setattr(KeptBlocks, "known", lost)
    with pytest.raises(InputError, match="was changed meanwhile; evaluate again"):
        evaluate_set(bound, images, keep=tmp_path)


def test_another_number_of_processes_goes_on(
    bound: TiledModel, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate_set(bound, images)
    with pytest.raises(KeyboardInterrupt):
        evaluate_set(bound, images, keep=tmp_path, progress=Interrupting(after=11))

    def evaluate(_: int) -> tuple[Any, int]:
        watching = Interrupting()
        with all_processes() as processes:
            found = evaluate_set(bound, images, keep=tmp_path, processes=processes, progress=watching)
        return found, watching.done

    results = in_processes(monkeypatch, 2, evaluate)
    assert [done for _, done in results] == [0, 10]
    for found, _ in results:
        np.testing.assert_array_equal(found.scores["vote"], whole.scores["vote"])
