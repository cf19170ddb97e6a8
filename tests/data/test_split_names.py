"""Names of splits: the usual ones, those that are guessed, and words that only look like them."""

import pytest

from nearsight.data.split_names import split_in, usual_split


@pytest.mark.parametrize("name", ["cats", "trains", "", "test1", "training_set"])
def test_other_names_are_no_usual_split(name: str) -> None:
    assert usual_split(name) is None


@pytest.mark.parametrize(
    ("split", "names"),
    [
        (
            "train",
            "training_set trainset data_train Training imagesTrain TRAIN trn train2017 Train-Images tr trainval",
        ),
        ("val", "valset data-val Validation valid_set dev val2017 ValidationImages vld images_val"),
        (
            "test",
            "test_set Testing testset holdout hold-out HoldOut eval tst te test1 Test%20Data held_out_set",
        ),
    ],
)
def test_names_of_a_split(split: str, names: str) -> None:
    for name in [*names.split(), f"{names.split()[0]} (1)", names.split()[0].upper()]:
        found = split_in(name)
        assert found is not None, name
        assert (found.split, found.rest) == (split, ()), name


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("seg_train", "seg"),
        ("bullet train", "bullet"),
        ("ILSVRC2012_img_val", "ilsvrc"),
        ("test_tube", "tube"),
    ],
)
def test_what_else_a_name_says(name: str, rest: str) -> None:
    found = split_in(name)
    assert found is not None
    assert found.rest == (rest,)


@pytest.mark.parametrize(
    "name",
    [
        "latest",
        "contest",
        "restrain",
        "trainers",
        "dev_board",
        "train_test",
        "terrain",
        "trains",
        "teapot",
        "",
    ],
)
def test_words_that_only_look_like_splits(name: str) -> None:
    assert split_in(name) is None
