"""Of two planted classes a diagnosis says which images have the plant, and what it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from studies.shortcuts import diagnosed, networks
from studies.shortcuts.families import FAMILIES
from studies.shortcuts.networks import (
    STRIDE,
    TILE,
    Network,
    Plant,
    in_memory,
    in_turn,
    of_each,
    plant,
    trained,
)
from studies.shortcuts.scoring import SHORTCUT, effects, found_by, jaccard, judge

import nearsight
from nearsight.diagnosis.attributes import answers
from nearsight.diagnosis.attributes.answers import MORE
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.photo.catalogue import photo_edits
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel


def test_two_planted_shortcuts_are_found_named_and_no_others(
    real_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As users have it, with all edits that the classifier is asked about.
    monkeypatch.setattr(answers, "photo_edits", photo_edits)
    monkeypatch.setattr(answers, "OTHERS", OTHERS)
    monkeypatch.setattr(answers, "MORE", MORE)
    # Of three classes, some of the thousand images that were meant for testing: others would only have to be decoded.
    monkeypatch.setattr(networks, "CLASSES", 3)
    images = nearsight.load(real_data("cifar10") / "test.parquet")["test"]
    sets = tuple(in_memory(of_each(images, *ends)) for ends in ((0, 200), (300, 348)))
    monkeypatch.setattr(networks, "base_sets", lambda _: sets)
    monkeypatch.setitem(networks.STEPS, "tile", 150)
    network = Network("cifar10", "tile", 0, (Plant(0, "border", 3, 0.6), Plant(2, "tint", 3, 0.4)))
    planted = plant(network)
    bound = TiledModel(trained(network, planted, tmp_path).classifier(), tile=TILE, stride=STRIDE)
    rows = effects(network, planted, Decision.of(bound))
    judge(rows, diagnosed(bound, planted), planted, "nearsight")
    for row in rows:
        if row["family"]:
            assert row["gap"] > 0.1
            # A gap of exactly ten points counts, whatever its last bit was.
            assert row["gap"] == round(row["accuracy_with"] - row["accuracy_same_without"], 9)
            assert row["taken_after"] > row["taken_before"]
            assert found_by(row, "nearsight")
            assert any(one["named"] for one in row["nearsight"] if one["word"] == SHORTCUT)
    clean = [row for row in rows if not row["family"]]
    assert sum(one["word"] == SHORTCUT for row in clean for one in row["nearsight"]) == 0


@pytest.mark.parametrize("count", [7, 10, 12, 13])
def test_four_turns_hold_each_family_once_at_each_strength(count: int) -> None:
    families = [replace(FAMILIES[0], name=str(k)) for k in range(count)]
    turns = [in_turn("", "tile", 0, families, first, count=1).plants[0] for first in range(4 * count)]
    assert len({(one.family, one.strength) for one in turns}) == 4 * count


def test_images_agree_as_far_as_they_are_the_same() -> None:
    assert jaccard([1, 2], [1, 2]) == 1
    assert jaccard([1, 2], [3]) == 0
    assert jaccard([], []) == 0
