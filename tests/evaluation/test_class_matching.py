"""Classes of other data: matched by name or by what is said, never by their place."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.evaluation.class_matching import match_classes


def a_set(*classes: str, labels: list[int] | None = None) -> ImageSet:
    """An image of each class, or one for each label."""
    numbers = np.array(range(len(classes)) if labels is None else labels)
    pixels = torch.zeros(len(numbers), 3, 4, 4, dtype=torch.uint8)
    paths = tuple(f"{k}.png" for k in range(len(numbers)))
    return ImageSet("other", "test", classes, numbers, MemoryImages(pixels, paths))


def names(matched) -> list[str]:
    return [matched.images.classes[label] for label in matched.images.labels]


def test_the_same_classes_are_left_as_they_are() -> None:
    images = a_set("cat", "dog")
    found = match_classes(images, ("cat", "dog"))
    assert (found.images, found.notes, found.settings, found.kept) == (images, (), {}, None)


def test_another_order_is_matched_by_name() -> None:
    found = match_classes(a_set("dog", "owl", "cat"), ("cat", "dog", "owl"))
    assert names(found) == ["dog", "owl", "cat"]
    assert (found.images.classes, found.settings) == (("cat", "dog", "owl"), {})


def test_what_the_model_does_not_know_is_left_out_and_what_the_set_lacks_is_told() -> None:
    found = match_classes(a_set("dog", "yak", "cat", labels=[0, 1, 1, 2]), ("cat", "dog", "owl"))
    assert names(found) == ["dog", "cat"]
    assert [found.images.path(k) for k in range(2)] == ["0.png", "3.png"]
    assert found.kept is not None
    assert found.kept.tolist() == [0, 3]
    assert found.settings == {"classes_left_out": {"yak": 2}, "classes_lacking": ["owl"]}
    assert "left out: 2 images of 1 class that the model does not know: yak (2)" in found.notes[0]
    assert "lacks 1 of the model's 3 classes: owl" in found.notes[1]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Great_White-Shark", "great white shark"),
        ("tench", "tench, Tinca tinca"),
        ("n01440764", "tench, Tinca tinca"),
        ("tench, Tinca tinca", "n01440764"),
        ("Tinca tinca", "tench, Tinca tinca"),
        ("Cafe\u0301", "café"),
    ],
)
def test_names_are_the_same_however_they_are_written(theirs: str, ours: str) -> None:
    found = match_classes(a_set("owl", theirs), (ours, "owl"))
    assert names(found) == ["owl", ours]
    assert found.notes == (f"classes taken for the model's: '{theirs}' for '{ours}'",)


def test_a_name_that_two_share_is_not_guessed_at() -> None:
    found = match_classes(a_set("crane", "owl"), ("crane (134)", "crane (517)", "owl", "Crane", "CRANE"))
    assert names(found) == ["owl"]
    assert found.left_out == {"crane": 1}
    both = match_classes(a_set("Cat", "cat", "owl"), ("cat", "owl"))
    assert both.left_out == {"Cat": 1}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (("0", "1"), ("cat", "dog")),
        (("cat", "dog"), ("0", "1")),
        (("0", "1", "2"), ("0", "1")),
        (tuple(map(str, range(10))), tuple(map(str, range(1000)))),
    ],
)
def test_numbers_are_matched_only_with_the_same_numbers(
    theirs: tuple[str, ...], ours: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match="numbers are matched only with the same numbers"):
        match_classes(a_set(*theirs), ours)
    assert names(match_classes(a_set("1", "0"), ("0", "1"))) == ["1", "0"]


def test_no_name_in_common_is_refused() -> None:
    with pytest.raises(InputError, match=r"no name is the same; say which is which with `class_map`"):
        match_classes(a_set("yak", "emu"), ("cat", "dog"))
    with pytest.raises(InputError, match="no image of other test is of a class"):
        match_classes(a_set("yak", "cat", labels=[0, 0]), ("cat", "dog"))


def test_what_is_said_holds_and_the_rest_goes_by_name(tmp_path: Path) -> None:
    images, known = a_set("tabby", "siamese", "dog", "fly"), ("cat", "dog", "fly")
    said = {"tabby": "cat", "siamese": "cat", "fly": None}
    (tmp_path / "map.json").write_text(json.dumps(said))
    (tmp_path / "map.txt").write_text("tabby=cat\nsiamese = cat\n\nfly=\n")
    (tmp_path / "map.csv").write_text("tabby,cat\nsiamese,cat\nfly,\n")
    places = [str(tmp_path / f"map.{kind}") for kind in ("json", "txt", "csv")]
    for class_map in (said, "tabby=cat, siamese=cat,fly=", *places, tmp_path / "map.txt"):
        found = match_classes(images, known, class_map)
        assert names(found) == ["cat", "cat", "dog"]
        assert found.left_out == {"fly": 1}
    numbers = match_classes(replace(images, classes=("0", "1", "2", "3")), known, {"0": "cat", "2": "dog"})
    assert names(numbers) == ["cat", "dog"]
    assert numbers.left_out == {"1": 1, "3": 1}


@pytest.mark.parametrize(
    ("class_map", "said"),
    [
        ({"tiger": "cat"}, "unknown class of the set in `class_map` 'tiger'"),
        ({"cat": "dgo"}, "unknown class of the model in `class_map` 'dgo'; did you mean 'dog'"),
        ("nowhere.csv", "nowhere.csv cannot be read: No such file"),
        ("cat=dog,owl", "'owl', which names no two classes"),
    ],
)
def test_a_map_of_other_names_is_refused(class_map, said: str) -> None:
    with pytest.raises(InputError, match=said):
        match_classes(a_set("cat", "owl"), ("cat", "dog"), class_map)
