"""Groups: as many images of each group of a class."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.repair.conftest import stamped

from nearsight.errors import InputError
from nearsight.repair.groups import LEAST_GROUP, balance_groups, draw_alike, group_numbers
from nearsight.repair.task import Task


def test_a_class_has_as_many_images_with_as_without_and_keeps_its_size(painted, whole, mark) -> None:
    images = painted(each=40, share=0.75)
    material = balance_groups(Task(whole, images, (mark(images),)))
    drawn = material.images
    assert material.groups is None
    assert np.bincount(drawn.labels).tolist() == [40, 40, 40]
    assert stamped(drawn)[drawn.labels == 0].sum() == 20
    # A class of one group is not drawn from: each image stands once.
    assert len(set(drawn.paths())) == 20 + 10 + 80


def test_the_worst_group_is_known_to_the_loss(painted, whole, mark) -> None:
    images = painted(each=40, share=0.75)
    material = balance_groups(Task(whole, images, (mark(images),)), worst=True)
    assert np.bincount(material.groups).tolist() == [20, 20, 40, 40]
    having = stamped(material.images)
    for group in range(4):
        inside = material.groups == group
        assert (
            len(set(zip(material.images.labels[inside].tolist(), having[inside].tolist(), strict=True))) == 1
        )


def test_a_column_makes_the_groups(painted, whole, mark) -> None:
    images = painted(each=20)
    cameras = ["a" if i % 4 else "b" for i in range(len(images))]
    images = replace(images, columns=pa.table({"camera": cameras}))
    material = balance_groups(Task(whole, images, (mark(images),), column="camera"))
    found = material.images.columns["camera"].to_pylist()
    assert [found[k : k + 20].count("b") for k in (0, 20, 40)] == [10, 10, 10]


def test_a_few_images_join_the_largest_group_of_their_class(painted, whole, mark, listener) -> None:
    images = painted(each=20)
    images.pixels[20 : 20 + LEAST_GROUP - 1, :, :4, :4] = 255
    task = Task(whole, images, (mark(images),), progress=listener)
    assert np.bincount(group_numbers(task)).tolist() == [10, 10, 20, 20]
    assert any("of fewer than 5 images" in said for said in listener.said)


@pytest.mark.parametrize("share", [1.0, 0.05])
def test_a_class_of_one_group_is_refused(painted, whole, mark, share) -> None:
    images = painted(share=share)
    with pytest.raises(InputError, match=r"training images of 'red' .*use `method='swap'`"):
        balance_groups(Task(whole, images, (mark(images),)))


def test_an_unknown_column_is_refused_with_the_known_ones(painted, whole, mark) -> None:
    images = painted()
    images = replace(images, columns=pa.table({"camera": ["a", "b"] * 30}))
    with pytest.raises(InputError, match="did you mean 'camera'"):
        balance_groups(Task(whole, images, (mark(images),), column="camra"))


def test_places_are_drawn_as_often_as_one_another() -> None:
    found = draw_alike(np.array([2, 5, 9]), 7, np.random.default_rng(0))
    assert sorted(np.bincount(found)[[2, 5, 9]].tolist()) == [2, 2, 3]
