"""Labels mean what their files say, however they are numbered, ordered or spelt; what was concluded is told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nearsight.data.class_names import agree, distinct, lookup
from nearsight.data.labels import find_labels
from nearsight.data.loading import load
from nearsight.data.sources import held_sets
from nearsight.errors import InputError

Write = Callable[..., Path]
Png = Callable[..., bytes]


class Split:
    """One split as read, of labels and perhaps class names."""

    def __init__(self, labels: Sequence[Any], classes: Sequence[str] | None = None) -> None:
        words = any(isinstance(label, str) for label in labels)
        self.labels = list(labels) if words else np.array(labels, dtype=np.int64)
        self.classes = None if classes is None else tuple(classes)

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, row: int, split: str) -> str:
        return f"{split}/{row}"


def meant(splits: dict[str, Split]) -> tuple[dict[str, list[str]], list[str]]:
    classes, labels, notes = find_labels("toy", splits)
    return {split: [classes[number] for number in numbers] for split, numbers in labels.items()}, notes


names = st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=2, max_size=6, unique=True)


@given(names, st.data())
def test_splits_that_order_their_classes_otherwise_mean_the_same(
    classes: list[str], data: st.DataObject
) -> None:
    orders = {split: data.draw(st.permutations(classes)) for split in ("test", "train", "other")}
    words = [*classes, *reversed(classes)]
    splits = {split: Split([order.index(word) for word in words], order) for split, order in orders.items()}
    found, notes = meant(splits)
    assert found == dict.fromkeys(orders, words)
    told = [split for split in ("test", "other") if orders[split] != orders["train"]]
    assert notes == [
        f"{split}: its classes are in another order than those of train; matched by name" for split in told
    ]


@given(st.sets(st.integers(0, 2**62), min_size=2, max_size=9), st.data())
def test_numbers_name_the_classes_that_occur_and_no_others(numbers: set[int], data: st.DataObject) -> None:
    train = data.draw(st.permutations([*numbers, *numbers]))
    test = data.draw(st.lists(st.sampled_from(sorted(numbers)), min_size=1, max_size=9))
    classes, labels, notes = find_labels("toy", {"test": Split(test), "train": Split(train)})
    assert classes == tuple(map(str, sorted(numbers)))
    assert [int(classes[label]) for label in labels["train"]] == train
    assert [int(classes[label]) for label in labels["test"]] == test
    assert bool(notes) == (sorted(numbers) != list(range(len(numbers))))


def test_labels_from_one_are_told() -> None:
    found, notes = meant({"train": Split([1, 2, 3, 3])})
    assert found == {"train": ["1", "2", "3", "3"]}
    assert notes[0].startswith("labels are 3 numbers from 1 to 3: 1, 2, 3; a class is named by its number")
    _, notes = meant({"train": Split([1, 2, 7])})
    assert notes[0].startswith("labels are 3 numbers from 1 to 7 with gaps: 1, 2, 7;")


def test_named_classes_may_be_counted_from_one() -> None:
    found, notes = meant({"train": Split([1, 3, 2], ["a", "b", "c"]), "test": Split([2, 1], ["a", "b", "c"])})
    assert found == {"train": ["a", "c", "b"], "test": ["b", "a"]}
    assert notes == ["labels go from 1 to 3, and 1 is taken for 'a'"]
    with pytest.raises(InputError, match=r"the label '3' of train/1 .* is not among the 3 classes"):
        meant({"train": Split([0, 3, 2], ["a", "b", "c"])})
    sets = held_sets(([np.zeros((4, 4, 3), np.uint8)] * 3, [1, 2, 2]), classes=["cat", "dog"])
    assert sets["train"].labels.tolist() == [0, 1, 1]


def test_numbers_that_name_the_classes_of_a_model_mean_the_same_in_other_data() -> None:
    pixels = [np.zeros((4, 4, 3), np.uint8)] * 4
    trained = held_sets((pixels, [1, 2, 5, 2])).classes
    assert trained == ("1", "2", "5")
    for labels in ([1, 2, 2, 1], [5, 1, 1, 1]):
        for data in (
            (pixels, labels),
            Dataset.from_dict({"image": list(map(Image.fromarray, pixels)), "label": labels}),
        ):
            found = held_sets(data, classes=trained)["train"]
            assert [int(trained[label]) for label in found.labels] == labels
    assert held_sets((pixels, [0, 1, 2, 2]), classes=trained)["train"].labels.tolist() == [0, 1, 2, 2]


def test_a_split_without_names_takes_the_others_and_says_so() -> None:
    found, notes = meant({"train": Split([0, 1], ["a", "b"]), "test": Split([1, 1])})
    assert found["test"] == ["b", "b"]
    assert notes == ["test: does not name its classes; its labels are taken for numbers of train's"]


def test_a_split_may_name_fewer_classes_or_more() -> None:
    found, notes = meant(
        {
            "train": Split([0, 1, 2], ["a", "b", "c"]),
            "val": Split([0], ["c"]),
            "test": Split([1, 0], ["a", "d"]),
        }
    )
    assert found == {"train": ["a", "b", "c"], "val": ["c"], "test": ["d", "a"]}
    assert notes == [
        "val: does not name 2 of the 3 classes; matched by name",
        "test: names 1 class that train does not: d",
        "test: does not name 2 of the 3 classes; matched by name",
        "test: 1 of its 2 images are of classes that train has no image of: d",
    ]


def test_lists_without_a_common_name_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"'train' and 'test' of 'toy' have no name in common \(a, b and 0, 1\)"
    ):
        meant({"test": Split([0, 1], ["0", "1"]), "train": Split([0, 1], ["a", "b"])})
    with pytest.raises(
        InputError, match="'train' of 'toy' labels its images with names and 'test' with numbers"
    ):
        meant({"test": Split([0, 1]), "train": Split(["cat", "dog"])})


def test_equal_names_are_told_apart() -> None:
    found, notes = meant({"train": Split([0, 1, 2], ["crane", "owl", "crane"])})
    assert found == {"train": ["crane", "owl", "crane (2)"]}
    assert notes == ["1 class names are given more than once and get a number: crane"]
    same = {split: Split([0, 1, 2], ["crane", "owl", "crane"]) for split in ("train", "test")}
    assert meant(same)[0]["test"] == ["crane", "owl", "crane (2)"]
    with pytest.raises(InputError, match="'crane' is the name of more than one, so they cannot be matched"):
        meant({"train": Split([0, 1], ["crane", "owl"]), "test": Split([0, 2], ["owl", "crane", "crane"])})


@given(st.lists(st.sampled_from(["a", "b", "a (2)", "a (3)"]), max_size=8))
def test_distinct_names_are_distinct_and_kept_where_they_can_be(given_names: list[str]) -> None:
    found = distinct(given_names)
    assert len(set(found)) == len(given_names)
    assert set(given_names) <= set(found)
    assert all(own.startswith(name) for own, name in zip(found, given_names, strict=True))


def test_spellings_of_one_name_are_one_class() -> None:
    found, notes = meant(
        {"train": Split(["cafe\u0301", " tea ", "tea"]), "test": Split(["caf\u00e9", "TEA"])}
    )
    assert found == {"train": ["caf\u00e9", "tea", "tea"], "test": ["caf\u00e9", "tea"]}
    assert len(notes) == 2
    assert "test: class names spelt in another way than in train, and taken for the same: 'TEA'" in notes
    # Letters are classes of their own where one split has both.
    assert meant({"train": Split(["a", "A", "b"]), "test": Split(["A", "a"])})[0]["test"] == ["A", "a"]


def test_words_that_are_numbers_come_in_their_order() -> None:
    classes, labels, _ = find_labels("toy", {"train": Split(["10", "9", "1"])})
    assert (classes, labels["train"].tolist()) == (("1", "9", "10"), [2, 1, 0])


def test_a_blank_word_is_a_missing_label() -> None:
    for labels in (["a", "b", " "], ["a", "b", None]):
        with pytest.raises(InputError, match="the label of train/2 in toy train is missing"):
            meant({"train": Split(labels)})
        with pytest.raises(InputError, match="the label of train/2 in toy train is missing"):
            meant({"train": Split(labels, ["a", "b"])})


def test_labels_of_minus_one_and_one_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match="-1 stands for a missing one: write 0 and 1 instead"):
        meant({"train": Split([-1, 1, 1, -1])})


def test_lists_are_agreed_on_whatever_their_base() -> None:
    lists = {"one": ["x", "y"], "two": ["z", "Y", "x "]}
    for base in lists:
        agreed = agree(lists, base, "toy")
        for name, own in lists.items():
            spelt = [agreed.classes[place].casefold() for place in agreed.places[name]]
            assert spelt == [word.strip().casefold() for word in own]
    assert lookup(["X", "x"], ["x", "y"]) == {"X": None, "x": 0}


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (pa.array([1.0, 2.0, 1.0, 2.0]), ("1", "2"), [0, 1, 0, 1]),
        (pa.array([True, False, True, False]), ("0", "1"), [1, 0, 1, 0]),
        (pa.array(["b", "a", "b", "a"]).dictionary_encode(), ("a", "b"), [1, 0, 1, 0]),
        (pa.array([2**40, 7, 7, 2**40]), ("7", str(2**40)), [1, 0, 0, 1]),
        (pa.array([3, 1, 3, 1], pa.uint8()), ("1", "3"), [1, 0, 1, 0]),
    ],
)
def test_labels_of_a_table(
    write_parquet: Write, png: Png, labels: pa.Array, classes: tuple[str, ...], numbers: list[int]
) -> None:
    sample = load(write_parquet("sample.parquet", [png(k) for k in range(4)], label=labels).parent)["sample"]
    assert (sample.classes, sample.labels.tolist()) == (classes, numbers)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (pa.array([0.0, 0.5, 1.0, 1.0]), "holds 0.5; a label is a whole number or a class name"),
        (pa.array([0.0, None, 1.0, 1.0]), "the label of sample/1.png .* is missing"),
        (pa.array([2**64 - 1, 0, 1, 1], pa.uint64()), "holds no class numbers"),
        (pa.array([[0], [1], [0], [1]]), "is list<.*>; a label is a whole number or a class name"),
    ],
)
def test_labels_that_are_none_are_refused(
    write_parquet: Write, png: Png, labels: pa.Array, message: str
) -> None:
    path = write_parquet("sample.parquet", [png(k) for k in range(4)], label=labels)
    with pytest.raises(InputError, match=message):
        load(path)


def features(names: Sequence[str] | None, **others: Sequence[str]) -> dict[str, Any]:
    named = {"label": names, **others} if names else others
    kinds = {name: {"names": list(each), "_type": "ClassLabel"} for name, each in named.items()}
    return {"huggingface": {"info": {"features": {"image": {"_type": "Image"}, **kinds}}}}


def test_shards_that_order_their_classes_otherwise_are_matched_by_name(
    write_parquet: Write, png: Png
) -> None:
    orders, words, seed = [["cat", "dog"], ["dog", "cat"], ["dog", "owl", "cat"]], {}, 0
    for shard, order in enumerate(orders):
        own = [order[k % len(order)] for k in range(6)]
        coarse = ["pet", "wild"] if shard % 2 else ["wild", "pet"]
        path = write_parquet(
            f"set/sample-{shard:05d}-of-00003.parquet",
            [png(seed + k) for k in range(6)],
            features(order, coarse=coarse),
            label=[order.index(word) for word in own],
            coarse=[coarse.index("wild" if word == "owl" else "pet") for word in own],
        )
        words |= {f"sample-{shard:05d}-of-00003/{k}.png": word for k, word in enumerate(own)}
        seed += 6
    sets = load(path.parent)
    sample = sets["sample"]
    assert sample.classes == ("cat", "dog", "owl")
    assert {sample.path(i): sample.classes[sample.labels[i]] for i in range(18)} == words
    expected = ["wild" if words[sample.path(i)] == "owl" else "pet" for i in range(18)]
    assert sample.columns["coarse"].to_pylist() == expected
    assert "another order" in sets.notes[0]


@pytest.mark.parametrize(
    ("metadata", "labels", "message"),
    [
        (features(None), [0, 1], r"train-0.parquet of .* names its classes and train-1.parquet does not"),
        (features(["x", "y"]), [0, 1], "have no name in common"),
        (features(["owl", "cat"]), ["owl", "cat"], "do not have the same kind of label|cannot read"),
    ],
)
def test_shards_that_cannot_be_matched_are_refused(
    write_parquet: Write, png: Png, metadata: Any, labels: list[Any], message: str
) -> None:
    write_parquet("set/train-0.parquet", [png(0), png(1)], features(["cat", "dog"]), label=[0, 1])
    path = write_parquet("set/train-1.parquet", [png(2), png(3)], metadata, label=labels)
    with pytest.raises(InputError, match=message) as error:
        load(path.parent)
    assert "\n" not in str(error.value)


def test_a_name_of_very_many_classes_is_numbered_in_one_pass() -> None:
    found = distinct(["a"] * 50_000)
    assert (len(set(found)), found[-1]) == (50_000, "a (50000)")
