"""The hub, played by stand-ins; and the real lack of a network, which must be told at once."""

from collections.abc import Callable
from typing import Any

import datasets
import huggingface_hub
import pytest
from huggingface_hub import errors

from nearsight.data.loading import HUB_NAMES, load
from nearsight.errors import InputError

Png = Callable[..., bytes]


class Response:
    """As much of a response as the hub's errors look at."""

    headers: dict[str, str] = {}  # noqa: RUF012
    request = None
    status_code = 403


@pytest.fixture(autouse=True)
def no_local_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the sets that this machine has."""
    monkeypatch.setenv("NEARSIGHT_DATA", "")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return a setter of what the hub answers, which gives a list of what it is asked."""

    def answer(found: object, looked_up: Exception | None = None) -> list[Any]:
        asked: list[Any] = []

        def look_up(*_: object, **__: object) -> None:
            if looked_up is not None:
                raise looked_up

        def load_dataset(repository: str, revision: str | None = None) -> object:
            asked.append((repository, revision))
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", look_up)
        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return asked

    return answer


def rows(
    png: Png, count: int, image: str = "image", label: str = "label", labels: Any = None
) -> datasets.Dataset:
    cells = [{"bytes": png(k), "path": None} for k in range(count)]
    names = datasets.ClassLabel(names=["cat", "dog"])
    features = datasets.Features({image: datasets.Image(), label: names})
    return datasets.Dataset.from_dict(
        {image: cells, label: labels or [0, 1] * (count // 2)}, features=features
    )


@pytest.mark.parametrize("name", HUB_NAMES)
def test_known_names_are_read_from_the_hub(hub: Callable[..., list[Any]], png: Png, name: str) -> None:
    image = "img" if name.startswith("cifar") else "image"
    label = "fine_label" if name == "cifar100" else "label"
    found = {"train": rows(png, 20, image, label), "valid": rows(png, 6, image, label)}
    if name == "imagenet":
        found["test"] = rows(png, 4, image, label, labels=[-1] * 4)
    asked = hub(datasets.DatasetDict(found))
    sets = load(name)
    assert asked == [(HUB_NAMES[name], None)]
    assert {split: len(images) for split, images in sets.items()} == {"train": 17, "val": 3, "test": 6}
    assert (sets.name, sets.classes) == (name, ("cat", "dog"))
    assert sets["test"].path(3) == "row 3 of valid"


def test_a_revision_is_passed_on(hub: Callable[..., list[Any]], png: Png) -> None:
    asked = hub(datasets.DatasetDict({"train": rows(png, 20)}))
    load("hf:someone/pets@v1.0")
    assert asked == [("someone/pets", "v1.0")]


def test_nearsight_data_comes_first(
    hub: Callable[..., list[Any]],
    write_folder: Callable[..., Any],
    png: Png,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = hub(AssertionError("the hub was asked"))
    root = write_folder({"cifar10/a": [png(0)] * 6, "cifar10/b": [png(1)] * 6})
    monkeypatch.setenv("NEARSIGHT_DATA", f"/nowhere:{root}")
    assert load("cifar10").classes == ("a", "b")
    assert asked == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (errors.RepositoryNotFoundError("404", response=Response()), "the hub has no set 'someone/pets'"),
        (
            errors.GatedRepoError("403", response=Response()),
            "is gated: ask for access on .*/someone/pets, then log in",
        ),
        (errors.RevisionNotFoundError("404", response=Response()), "someone/pets has no revision 'v2'"),
        (
            ConnectionError("no route\nto host"),
            r"no network: cannot reach the hub for .*\(no route to host\); connect",
        ),
    ],
)
def test_a_set_that_cannot_be_had_is_told_in_one_line(
    hub: Callable[..., list[Any]], fault: Exception, message: str
) -> None:
    asked = hub(AssertionError("the set was asked for"), fault)
    with pytest.raises(InputError, match=message) as error:
        load("hf:someone/pets@v2")
    assert "\n" not in str(error.value)
    assert asked == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'x' is a gated dataset on the Hub."),
            "hf:ILSVRC/imagenet-1k is gated: ask for access on .*/ILSVRC/imagenet-1k, then log in",
        ),
        (ConnectionError("lost\nthe line"), "cannot read hf:ILSVRC/imagenet-1k: lost the line"),
        (ValueError("Config name is missing."), "cannot read hf:ILSVRC/imagenet-1k: Config name is missing"),
    ],
)
def test_a_failed_download_is_told_in_one_line(
    hub: Callable[..., list[Any]], fault: Exception, message: str
) -> None:
    hub(fault)
    with pytest.raises(InputError, match=message) as error:
        load("imagenet")
    assert "\n" not in str(error.value)


def test_without_network_the_cache_serves(hub: Callable[..., list[Any]], png: Png, image_cache: Any) -> None:
    asked = hub(datasets.DatasetDict({"train": rows(png, 20)}), ConnectionError("no route"))
    with pytest.raises(InputError, match="no network"):
        load("hf:someone/myPets")
    (image_cache / "someone___my_pets").mkdir(parents=True)
    load("hf:someone/myPets")
    with pytest.raises(InputError, match="no network"):
        load("hf:someone/myPets@v1")
    assert asked == [("someone/myPets", None)]


def test_an_address_that_answers_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        InputError, match=r"no network: cannot reach the hub for hf:uoft-cs/cifar10 \(.+\); connect"
    ):
        load("cifar10")


@pytest.mark.parametrize("name", ["hf:", "hf:a/b/c", "hf:a b/c"])
def test_a_name_that_no_set_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"names no set of the hub; expected hf:OWNER/NAME\[@REVISION\]"):
        load(name)
