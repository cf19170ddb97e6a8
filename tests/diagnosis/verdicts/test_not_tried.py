"""What a bound on the work left out is said, and nothing where nothing was."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.answers import FEWEST, MOST_CLASSES
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.judging import PROVEN, PROVEN_OF_CLASS
from nearsight.diagnosis.verdicts.not_tried import what_was_not_tried
from nearsight.evidence import TiledModel

MANY = 2 * FEWEST
LOOKED_FOR = "edits that the network answers with a class, and groups unlike all others, were looked for in "


def examined(each: Sequence[int]) -> Examined:
    """So many images of each class, of which every second one chooses, and all are right."""
    labels = np.repeat(np.arange(len(each)), each)
    classes = tuple(f"class {k}" for k in range(len(each)))
    held = MemoryImages(torch.zeros(len(labels), 3, 2, 2, dtype=torch.uint8), ("",) * len(labels))
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=classes)
    images = ImageSet("toy", "test", classes, labels, held)
    choosing = np.concatenate([np.arange(count) % 2 == 0 for count in each])
    return Examined(images, Decision(bound, "mean-logit"), labels, choosing)


def candidates(of: Examined, counts: Sequence[int], *, goes: bool = True) -> list[Candidate]:
    """So many candidates of each class, which all of it have or, if they do not go with it, every image."""
    return [
        Candidate(number, "frame", "", True, has, has.astype(np.float32), 0.9, drawn=True)
        for number, count in enumerate(counts)
        for has in [(of.labels == number) | (not goes)] * count
    ]


@pytest.mark.parametrize(
    ("each", "said"),
    [
        ([MANY] * 3, []),
        ([MANY, MANY, MANY - 2], ["2 of 3 classes: fewer than 20 images of each other one choose"]),
        ([MANY, 2, 2], ["no class: fewer than 20 images of all but one choose"]),
        ([10, 10], ["no class: fewer than 20 images of each choose"]),
        ([MANY] * (MOST_CLASSES + 1), ["no class: there are more than 50"]),
        # A class without images is none that was left out.
        ([MANY, MANY, 0], []),
    ],
)
def test_classes_in_which_no_edits_were_looked_for_are_said(each: Sequence[int], said: list[str]) -> None:
    assert list(what_was_not_tried(examined(each), [])) == [f"{LOOKED_FOR}{one}" for one in said]


@pytest.mark.parametrize(
    ("counts", "more"),
    [
        ([PROVEN_OF_CLASS, 2, 0], ""),
        ([PROVEN_OF_CLASS + 1, 2, 0], "1 more candidate that goes with its class"),
        ([PROVEN_OF_CLASS + 2, PROVEN_OF_CLASS + 1, 0], "3 more candidates that go with their class"),
        ([PROVEN_OF_CLASS] * 15, f"{15 * PROVEN_OF_CLASS - PROVEN} more candidates that go with their class"),
    ],
)
def test_candidates_that_no_image_was_changed_for_are_counted(counts: Sequence[int], more: str) -> None:
    of = examined([MANY] * len(counts))
    said = f"no images were changed for {more}: at most 6 of a class and 80 in all are tried so"
    assert list(what_was_not_tried(of, candidates(of, counts))) == ([said] if more else [])
    # What is in every class alike would not have been tried anyway.
    assert not list(what_was_not_tried(of, candidates(of, counts, goes=False)))
