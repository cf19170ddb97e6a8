"""Which method takes what away, and several in one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.repair.conftest import Linear, classifier_of, stamped

from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.repair.methods import METHODS, default_method, material_of, planned
from nearsight.repair.places import tiles_at
from nearsight.repair.task import Task

CORNER = [(0, 0, 0.25, 0.25)]


@pytest.fixture
def several(painted, mark):
    """Return a set and shortcuts of every kind, by their method."""
    images = painted(each=30, share=0.5)
    bare = mark(images, put_on=None, take_off=None)
    return images, {
        "swap": mark(images),
        "tiles": replace(bare, number=2, seen_in="tile", tiles=tiles_at(CORNER, stamped(images))),
        "last-layer": replace(bare, number=3),
        "groups": replace(bare, number=4, seen_in="table", column="camera"),
    }


def test_each_kind_has_its_method(several) -> None:
    _, shortcuts = several
    assert {name: default_method(one) for name, one in shortcuts.items()} == {
        name: name for name in shortcuts
    }
    assert set(shortcuts) == set(METHODS)


def test_a_mark_in_a_place_is_swapped_though_its_tiles_are_known(several) -> None:
    images, shortcuts = several
    assert default_method(replace(shortcuts["swap"], tiles=tiles_at(CORNER, stamped(images)))) == "swap"


def test_a_network_of_whole_images_has_no_tiles_to_silence(several, whole) -> None:
    images, shortcuts = several
    pasted = replace(shortcuts["swap"], seen_in="tile", tiles=tiles_at(CORNER, stamped(images)))
    assert default_method(pasted) == "tiles"
    assert default_method(pasted, of_tiles=False) == "swap"
    assert material_of(Task(whole, images, (pasted,))).silent is None


def test_each_is_taken_away_by_its_own_or_all_by_the_one_that_is_named(several) -> None:
    _, shortcuts = several
    every = tuple(shortcuts.values())
    assert {name: len(some) for name, some in planned(every).items()} == {"swap": 1, "tiles": 1, "groups": 2}
    assert planned(every, "swap") == {"swap": every}
    assert planned(every, column="camera") == {"groups": every}
    assert list(planned(every[2:3])) == ["last-layer"]


def test_swapped_images_with_silent_tiles_drawn_by_groups_are_one_material(several, listener) -> None:
    images, shortcuts = several
    bound = TiledModel(classifier_of(Linear(), tile=4))
    chosen = (shortcuts["swap"], shortcuts["tiles"], shortcuts["groups"])
    material = material_of(Task(bound, images, chosen, progress=listener))
    assert len(material.images) == len(material.silent.corners) == len(images)
    assert stamped(material.images)[material.images.labels == 1].mean() == pytest.approx(0.5)
    assert any(said.startswith("several methods in one repair: swap: red:1") for said in listener.said)


def test_one_method_gives_its_own_material(several) -> None:
    images, shortcuts = several
    bound = TiledModel(classifier_of(Linear(), tile=4))
    material = material_of(Task(bound, images, (shortcuts["swap"],)), "groups")
    assert material.silent is None
    assert set(material.images.paths()) <= set(images.paths())
    assert torch.equal(material.images.image(0), images.image(int(np.flatnonzero(images.labels == 0)[0])))


@pytest.mark.parametrize(
    ("method", "column", "said"),
    [("swop", None, "did you mean 'swap'"), ("swap", "camera", "`column` names the groups")],
)
def test_a_method_that_does_not_exist_or_fit_is_refused(several, method, column, said) -> None:
    with pytest.raises(InputError, match=said):
        planned(tuple(several[1].values()), method, column)


def test_the_last_layer_trains_on_nothing(several) -> None:
    images, shortcuts = several
    bound = TiledModel(classifier_of(Linear(), tile=4))
    with pytest.raises(InputError, match="refit_last_layer"):
        material_of(Task(bound, images, (shortcuts["last-layer"],)))
