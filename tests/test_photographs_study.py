"""The study of folders of photographs: what is planted, in which folders, and how it is counted."""

import numpy as np
import pytest
from studies.photographs import DEVELOPMENT, HELD_OUT, PLANTS, design, jpeg, table


def test_what_was_held_out_has_other_classes_and_plants() -> None:
    built, kept = (list(design(1, 4, held_out=held_out)) for held_out in (False, True))
    assert not {one.plant for one in built} & {one.plant for one in kept} - {None}
    assert {name for one in built for name in one.classes} <= set(DEVELOPMENT)
    assert {name for one in kept for name in one.classes} <= set(HELD_OUT)
    names = [one.name for one in (*built, *kept)]
    assert len(set(names)) == len(names)


def test_every_plant_is_drawn_at_every_share_and_clean_folders_are_of_both_labels() -> None:
    folders = list(design(1, 4))
    drawn = {(one.plant, one.share) for one in folders if one.plant}
    assert drawn == {(plant, share) for plant in list(PLANTS)[::2] for share in (0.4, 0.6, 1.0)}
    assert sorted(one.permuted for one in folders if not one.plant) == [False, False, True, True]


@pytest.mark.parametrize("plant", list(PLANTS))
@pytest.mark.parametrize("side", [(96, 96), (220, 290)])
def test_a_plant_changes_a_photograph_and_leaves_its_size(plant: str, side: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(40, 200, (*side, 3)).astype(np.uint8)
    before = pixels.copy()
    changed = PLANTS[plant](pixels, random)
    assert (changed.shape, changed.dtype) == (pixels.shape, np.uint8)
    assert np.array_equal(pixels, before)
    assert (changed != before).any()
    assert jpeg(changed)[:2] == b"\xff\xd8"


def test_the_table_counts_plants_with_a_gap_and_classes_without_a_plant() -> None:
    found = {"class": "car", "word": "shortcut", "jaccard": 0.9}
    alarm = {"class": "ship", "word": "suspect", "jaccard": 0.0}
    rows = [
        {"plant": "stamp", "permuted": False, "classes": ("car", "ship"), "gap": 0.4, "told": [found, alarm]},
        {"plant": "stamp", "permuted": False, "classes": ("car", "ship"), "gap": 0.05, "told": []},
        {"plant": None, "permuted": True, "classes": ("car", "ship"), "gap": None, "told": [found]},
    ]
    lines = table(rows).splitlines()
    assert "| stamp | 2 | 1 | 100 % of 1 | 100 % of 1 |" in lines[2].replace(" (21 to 100)", "")
    assert lines[-3].startswith("| beside a plant | 2 | 0 %")
    assert lines[-3].split("|")[4].strip().startswith("50 %")
    assert lines[-1].startswith("| of permuted labels | 2 | 50 %")
