"""The study of classes that look alike throughout: what is drawn, what was kept back, and how it is counted."""

import numpy as np
import pytest
from studies.textures import CLASSES, KINDS, LABELS, TEXTURES, design, drawn, table


def test_every_kind_has_networks_of_all_labels_and_sizes() -> None:
    trials = design(48)
    assert {(one.kind, one.labels) for one in trials} == {
        (kind, labels) for kind in KINDS for labels in LABELS
    }
    assert {(one.kind, one.images) for one in trials} == {
        (kind, images) for kind in KINDS for images in (60, 240)
    }
    assert len({one.name for one in (*trials, *design(48, held_out=True))}) == 96


@pytest.mark.parametrize("held_out", [False, True])
def test_textures_are_drawn_alike_each_time_and_change_within_a_class(held_out: bool) -> None:
    trial = next(one for one in design(8, held_out=held_out) if (one.kind, one.images) == ("texture", 60))
    sets, again = drawn(trial), drawn(trial)
    assert [len(images) for images in sets.values()] == [CLASSES * 36, CLASSES * 24]
    for split, images in sets.items():
        pixels = images.pixels
        assert pixels is not None
        assert pixels.equal(again[split].pixels)
        assert not pixels[0].equal(pixels[1])


@pytest.mark.parametrize("name", list(TEXTURES))
def test_a_relief_is_of_the_side_and_between_flat_and_full(name: str) -> None:
    relief = TEXTURES[name](32, 6.0, np.random.default_rng(0))
    assert (relief.shape, relief.dtype) == ((32, 32), np.float32)
    assert relief.std() > 0.01
    assert -1.5 < relief.min() <= relief.max() < 2.5


def test_the_table_counts_classes_and_the_strongest_word_of_each() -> None:
    told = [
        {"class": "texture 1", "word": "shortcut", "pictured": False},
        {"class": "texture 1", "word": "suspect", "pictured": False},
        {"class": "texture 4", "word": "suspect", "pictured": True},
    ]
    rows = [{"kind": "texture", "labels": "true", "accuracy": 0.9, "told": told}]
    line = next(line for line in table(rows).splitlines() if line.startswith("| texture"))
    assert line.replace(" ", "").startswith("|texture|6|1|90%|17%(3to56)of6|17%(3to56)of6|33%")
