"""Plants grow with their strength, stay within a picture, and are the same at each call."""

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import chain

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from studies.shortcuts import ALL_WITHHELD, add_options, design, families_of, networks
from studies.shortcuts.borrowed import BORROWED
from studies.shortcuts.eighth_withheld import EIGHTH_WITHHELD
from studies.shortcuts.families import FAMILIES
from studies.shortcuts.fifth_withheld import FIFTH_WITHHELD
from studies.shortcuts.fourth_withheld import FOURTH_WITHHELD
from studies.shortcuts.held_out import HELD_OUT
from studies.shortcuts.networks import ALL, CLASSES, Network, Plant, plant
from studies.shortcuts.ninth_withheld import NINTH_WITHHELD
from studies.shortcuts.plants import STRENGTHS, Family, apply
from studies.shortcuts.sealed import SEALED
from studies.shortcuts.second_withheld import SECOND_WITHHELD
from studies.shortcuts.seventh_withheld import SEVENTH_WITHHELD
from studies.shortcuts.sixth_withheld import SIXTH_WITHHELD
from studies.shortcuts.third_withheld import THIRD_WITHHELD
from studies.shortcuts.unseen import UNSEEN
from studies.shortcuts.withheld import WITHHELD

from nearsight.data import ImageSet, MemoryImages

SEEDS = range(6)


def _pictures(side: int) -> torch.Tensor:
    random = np.random.default_rng(0)
    smooth = gaussian_filter(random.uniform(size=(len(SEEDS), 3, side, side)), (0, 0, 1.5, 1.5))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return torch.from_numpy((20 + 200 * (smooth - low) / (high - low)).astype(np.uint8))


def _mask(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros((side, side), dtype=np.bool_)
    mask[side // 4 : side // 2, side // 4 : -side // 4] = True
    return mask


def _planted(family: Family, strength: int, pictures: torch.Tensor) -> torch.Tensor:
    side = pictures.shape[-1]
    changed = [
        apply(
            family.make(strength, side, np.random.default_rng([seed, 1])),
            pictures[seed],
            _mask(side),
            np.random.default_rng([seed, 2]),
        )
        for seed in SEEDS
    ]
    return torch.stack(changed)


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize(
    "family",
    [*SEALED, *chain.from_iterable(ALL_WITHHELD)],
    ids=lambda family: family.name,
)
def test_a_plant_grows_with_its_strength_and_is_the_same_at_each_call(family: Family, side: int) -> None:
    pictures = _pictures(side)
    before = pictures.clone()
    planted = [_planted(family, strength, pictures) for strength in range(STRENGTHS)]
    assert torch.equal(pictures, before)
    for strength, images in enumerate(planted):
        assert images.shape == pictures.shape
        assert torch.equal(images, _planted(family, strength, pictures))
    changes = [float((images.float() - pictures.float()).abs().mean()) for images in planted]
    if family.kind == "metadata":
        assert changes == [0.0] * STRENGTHS
    else:
        assert changes[0] > 0
        assert changes == sorted(set(changes))
    if family.needs_regions:
        inside = torch.from_numpy(_mask(side))
        assert torch.equal(planted[-1][:, :, inside], pictures[:, :, inside])


@pytest.mark.parametrize("family", BORROWED, ids=lambda family: family.name)
def test_a_borrowed_plant_changes_pictures_and_is_the_same_at_each_call(family: Family) -> None:
    pytest.importorskip("albumentations", reason="the extra `studies` is not installed")
    pictures = _pictures(32)
    before = pictures.clone()
    for strength in range(STRENGTHS):
        planted = _planted(family, strength, pictures)
        assert (planted.shape, planted.dtype) == (pictures.shape, pictures.dtype)
        assert not torch.equal(planted, pictures)
        assert torch.equal(planted, _planted(family, strength, pictures))
    assert torch.equal(pictures, before)


def test_families_have_names_of_their_own_and_words_in_lower_case() -> None:
    lists = (FAMILIES, HELD_OUT, UNSEEN, SEALED, *ALL_WITHHELD, BORROWED)
    assert len(ALL) == sum(map(len, lists))
    assert all(word == word.lower() for family in ALL.values() for word in family.words)


def test_sixteen_networks_hold_each_sealed_family_at_each_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "has_regions", lambda *_: True)
    planted = [one for network in design(16, 0, both=(SEALED[::2], SEALED[1::2])) for one in network.plants]
    counts = Counter((one.family, one.strength) for one in planted)
    assert counts == {(family.name, strength): 1 for family in SEALED for strength in range(STRENGTHS)}


@pytest.mark.parametrize(
    ("options", "families"),
    [
        ([], (*FAMILIES, *HELD_OUT)),
        (["--unseen"], UNSEEN),
        (["--sealed"], SEALED),
        (["--withheld"], WITHHELD),
        (["--withheld", "1"], WITHHELD),
        (["--withheld", "2"], SECOND_WITHHELD),
        (["--withheld", "3"], THIRD_WITHHELD),
        (["--withheld", "4"], FOURTH_WITHHELD),
        (["--withheld", "5"], FIFTH_WITHHELD),
        (["--withheld", "6"], SIXTH_WITHHELD),
        (["--withheld", "7"], SEVENTH_WITHHELD),
        (["--withheld", "8"], EIGHTH_WITHHELD),
        (["--withheld", "9"], NINTH_WITHHELD),
    ],
    ids=("none", "unseen", "sealed", "withheld", *(f"withheld {k}" for k in range(1, 10))),
)
def test_options_choose_the_families(options: list[str], families: tuple[Family, ...]) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    first, second = families_of(parser.parse_args(options))
    assert {*first, *second} == set(families)


@pytest.mark.parametrize(
    ("draws", "digest"),
    [
        (
            (
                (9, (FAMILIES, HELD_OUT)),
                (50, (UNSEEN, UNSEEN)),
                (50, (SEALED[::2], SEALED[1::2])),
                (50, (WITHHELD[::2], WITHHELD[1::2])),
            ),
            "9d10931a32f4d5c5b3f5f50469f02512434c42eaeddc74c9a757442e8fe1ab9f",
        ),
        (
            ((10, (FAMILIES, HELD_OUT)), (51, (SECOND_WITHHELD[::2], SECOND_WITHHELD[1::2]))),
            "c6d46cb08be241e544655f0a78ba1aedd9170d8b021ab204f5c34e2b7d958ba6",
        ),
        (
            ((11, (FAMILIES, HELD_OUT)), (52, (THIRD_WITHHELD[::2], THIRD_WITHHELD[1::2]))),
            "ff40d56f80c855919b69a3cec74e3b382035b21b40dbc0359b2325738d3345ea",
        ),
        (
            ((12, (FAMILIES, HELD_OUT)), (53, (FOURTH_WITHHELD[::2], FOURTH_WITHHELD[1::2]))),
            "fc69baa2399318acef12dd9a036be3dc707458e66d40b5742ae9a3cc75a4ba7f",
        ),
        (
            ((54, (FIFTH_WITHHELD[::2], FIFTH_WITHHELD[1::2])),),
            "1fd9bc3ba2d735c3df1ed5162b12bfccca76df7ce0e4ad619bf10babe314da04",
        ),
        (
            ((55, (SIXTH_WITHHELD[::2], SIXTH_WITHHELD[1::2])),),
            "8764a92dd1f779345d6dd0ea9db38dbe11588fa6e6d6d9d9d32f3a211203aebc",
        ),
        (
            ((56, (SEVENTH_WITHHELD[::2], SEVENTH_WITHHELD[1::2])),),
            "ece9bded1751be348ee1aaf000a1089ab754b8b22031f7e766cda095116f438e",
        ),
        (
            ((57, (EIGHTH_WITHHELD[::2], EIGHTH_WITHHELD[1::2])),),
            "3f9d3e4c91afe7b2bd8cca55270005d73211f1523a05fc18e1d99462ee01fc82",
        ),
        (
            ((58, (NINTH_WITHHELD[::2], NINTH_WITHHELD[1::2])),),
            "202906a10d48d0652a0b3ae91c47da989d2674e5eb2ef39c91dae848b478faa9",
        ),
    ],
    ids=(
        "to the ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "fifth withheld",
        "sixth withheld",
        "seventh withheld",
        "eighth withheld",
        "ninth withheld",
    ),
)
def test_draws_that_were_measured_stay_the_same(
    draws: tuple[tuple[int, tuple[Sequence[Family], Sequence[Family]]], ...],
    digest: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(networks, "has_regions", lambda _, number: number % 3 > 0)
    drawn = [asdict(network) for draw, both in draws for network in design(12, 1, draw=draw, both=both)]
    assert hashlib.sha256(json.dumps(drawn).encode()).hexdigest() == digest


def test_a_plant_in_the_file_name_changes_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.zeros(10 * CLASSES, 3, 8, 8, dtype=torch.uint8)
    images = ImageSet(
        "made",
        "train",
        tuple("abcdefghij"),
        np.arange(len(pixels)) % CLASSES,
        MemoryImages(pixels, tuple(f"train/{i:05}.png" for i in range(len(pixels)))),
    )
    monkeypatch.setattr(networks, "base_sets", lambda _: (images, replace(images, split="test")))
    planted = plant(Network("made", "tile", 0, (Plant(3, "file name", 3, 0.6),)))
    assert planted.test.pixels is not None
    assert torch.equal(planted.test.pixels, pixels)
    begins = [planted.test.images.paths[i].startswith("train/DSC_") for i in range(len(pixels))]
    assert begins == planted.planted.tolist()
    assert planted.planted.sum() == 6
