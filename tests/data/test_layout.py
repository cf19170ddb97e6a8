"""What directories stand for: the layouts that people download, as trees of empty files."""

from pathlib import Path

import pytest

from nearsight.data.layout import Layout, recognise
from nearsight.data.tree import read_tree
from nearsight.errors import InputError


def laid_out(root: Path, places: str) -> Layout:
    """Recognise a folder with two images in each of the places, such as `train/{cat,dog}`."""
    for place in places.split():
        before, _, rest = place.partition("{")
        inner, _, after = rest.partition("}")
        for name in inner.split(",") if rest else [""]:
            (root / (before + name + after)).mkdir(parents=True)
            for k in range(2):
                (root / (before + name + after) / f"{k}.jpg").touch()
    return recognise(read_tree(root))


def told(layout: Layout) -> dict[str, str]:
    return {division.name: ",".join(name for name, _ in division.classes) for division in layout.divisions}


PAIR = "cat,dog"


@pytest.mark.parametrize(
    ("places", "splits"),
    [
        ("{cat,dog}", {"train": PAIR}),
        ("train/{cat,dog} test/{cat,dog}", {"train": PAIR, "test": PAIR}),
        ("training_set/{cat,dog} test_set/{cat,dog}", {"train": PAIR, "test": PAIR}),
        (
            "training_set/training_set/{cat,dog} test_set/test_set/{cat,dog} single_prediction",
            {"train": PAIR, "test": PAIR, "single_prediction": ""},
        ),
        (
            "seg_train/seg_train/{cat,dog} seg_test/seg_test/{cat,dog} seg_pred/seg_pred",
            {"train": PAIR, "test": PAIR, "seg_pred": ""},
        ),
        ("trainset/{cat,dog} valset/{cat,dog}", {"train": PAIR, "val": PAIR}),
        ("data_train/{cat,dog} data_holdout/{cat,dog}", {"train": PAIR, "test": PAIR}),
        ("my_pets_train/{cat,dog} my_pets_test/{cat,dog}", {"train": PAIR, "test": PAIR}),
        ("Training/{cat,dog} Testing/{cat,dog}", {"Training": PAIR, "Testing": PAIR}),
        ("images/train/{cat,dog} images/val/{cat,dog}", {"train": PAIR, "val": PAIR}),
        ("train/images/{cat,dog} val/images/{cat,dog}", {"train": PAIR, "val": PAIR}),
        ("dataset/train/{cat,dog} dataset/test/{cat,dog}", {"train": PAIR, "test": PAIR}),
        ("archive/dataset/{cat,dog}", {"train": PAIR}),
        ("archive/raw/data/train/{cat,dog}", {"train": PAIR}),
        ("train/{cat,dog} test/unknown", {"train": PAIR, "test": ""}),
        ("train/{cat,dog} test/test", {"train": PAIR, "test": ""}),
        ("train/{cat,dog} test", {"train": PAIR, "test": ""}),
        ("training_set/{cat,dog} pictures", {"train": PAIR, "pictures": ""}),
        ("train/{cat,dog} val/{cat,owl}", {"train": PAIR, "val": "cat,owl"}),
        ("{cat,dog}/train {cat,dog}/test", {"train": PAIR, "test": PAIR}),
        ("intel_train/{cat,dog} other_test/{cat,dog}", {"train": PAIR, "test": PAIR}),
        ("train/{cat,dog} train_2/{cat,dog} test/{cat,dog}", {"train": PAIR, "train_2": PAIR, "test": PAIR}),
        ("images/{cat,dog} masks/{cat,dog}", {"train": PAIR}),
        ("cat/{persian,siamese} dog/{pug,hound}", {"train": PAIR}),
        ("pets/cat/{persian,siamese} pets/dog/{pug,hound}", {"train": PAIR}),
        # Railways and laboratories.
        ("{plane,train,bus}", {"train": "bus,plane,train"}),
        ("train/{diesel,steam} plane/{jet,glider}", {"train": "plane,train"}),
        ("data/train/{plane,train} data/test/{plane,train}", {"train": "plane,train", "test": "plane,train"}),
        ("{bullet_train,steam_train,bus}", {"train": "bullet_train,bus,steam_train"}),
        ("{test,control}", {"train": "control,test"}),
        ("{test_tube,flask}", {"train": "flask,test_tube"}),
    ],
)
def test_layouts(tmp_path: Path, places: str, splits: dict[str, str]) -> None:
    assert told(laid_out(tmp_path, places)) == splits


@pytest.mark.parametrize(
    "places",
    [
        "{train,test,cat,dog}",
        "{training_set,cat}",
        "cat/{red,blue} dog/{red,blue} test",
        "seg_train/{cat,dog} others/{x,y} more",
    ],
)
def test_splits_that_would_become_classes_are_refused(tmp_path: Path, places: str) -> None:
    with pytest.raises(
        InputError, match=r"directories named after splits .* would make classes of them; name the"
    ):
        laid_out(tmp_path, places)


def test_a_guess_is_told_first(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, "seg_train/seg_train/{cat,dog} seg_test/seg_test/{cat,dog}")
    assert (
        layout.notes[0]
        == "taken for splits by a guess at their names: seg_test for test, seg_train for train"
    )
    assert "looked through the directory seg_train/seg_train, which alone holds the images" in layout.notes


def test_usual_names_are_no_guess(tmp_path: Path) -> None:
    assert laid_out(tmp_path, "Train/{cat,dog} valid/{cat,dog}").notes == ()


def test_directories_within_classes_are_told(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, "cat/{persian,siamese} dog/{pug,hound}")
    assert layout.notes == (
        "train: classes are the directories cat, dog; 4 directories in them, such as cat/persian, are read as part "
        "of their class",
    )


def test_directories_without_images_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "0.xml").touch()
    layout = laid_out(tmp_path, "{cat,dog}")
    assert told(layout) == {"train": PAIR}
    assert layout.notes == ("train: no class, as they hold no images: annotations",)


def test_an_empty_class_of_another_split_is_told(tmp_path: Path) -> None:
    (tmp_path / "val" / "dog").mkdir(parents=True)
    layout = laid_out(tmp_path, "train/{cat,dog} val/cat")
    assert "val: directories without any file: dog" in layout.notes
    assert told(layout) == {"train": PAIR, "val": "cat"}


def test_a_second_copy_of_the_splits_is_left_out(tmp_path: Path) -> None:
    layout = laid_out(tmp_path, "train/{cat,dog} test/{cat,dog} pets/train/{cat,dog} pets/test/{cat,dog}")
    assert told(layout) == {"train": PAIR, "test": PAIR}
    assert layout.notes[0].startswith("left out, as they hold splits of their own: pets;")


def test_folds_do_not_become_classes(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds fold1, fold2, each with the same directories in it \(cat, dog\)"
    ):
        laid_out(tmp_path, "fold1/{cat,dog} fold2/{cat,dog}")
