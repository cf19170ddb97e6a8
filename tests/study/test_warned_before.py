"""What a comparison and a cross-validation warn of is told of the images that they train on, not of the whole set."""

from pathlib import Path
from typing import Any

import pytest
import torch

import nearsight
from nearsight.errors import InputError
from nearsight.progress import duration

FIELDS: dict[str, Any] = {
    "recipe": "fast",
    "width": 0.1,
    "steps": 2,
    "batch_size": 500,
    "precision": "float32",
}


@pytest.fixture(autouse=True)
def never_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """End each verb at its first training."""

    def train(_recipe: Any, sets: Any, *_others: Any, **_named: Any) -> None:
        raise InputError(f"{len(sets['train'])} images are trained on")

    for name in ("comparing", "cross_validating"):
        monkeypatch.setattr(f"nearsight.study.{name}.train", train)


def images(count: int = 60) -> tuple[torch.Tensor, list[str]]:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(2)), ["dark", "light"] * (
        count // 2
    )


@pytest.mark.parametrize(
    "verb",
    [
        lambda **fields: nearsight.compare(images(), tiles=[6, None], seeds=2, **fields),
        lambda **fields: nearsight.compare(images(), tiles=[6, None], seeds=2, folds=4, **fields),
        lambda **fields: nearsight.train(images(), tile=6, folds=4, **fields),
    ],
    ids=["compare", "folded compare", "cross-validation"],
)
def test_the_number_is_of_the_images_that_are_trained_on(verb: Any, tmp_path: Path, listener: Any) -> None:
    with pytest.raises(InputError, match="are trained on") as ended:
        verb(out=tmp_path / "out", progress=listener, **FIELDS)
    trained_on = int(str(ended.value).split()[0])
    assert trained_on < 60
    # Which images are held out is said too, as by the other verbs.
    assert any("of the 60 images" in line or "folds" in line for line in listener.said)
    (told,) = [line for line in listener.said if "is larger than the training set" in line]
    assert told.startswith(f"warning: a batch of 500 is larger than the training set of {trained_on} images")


def test_a_comparison_says_how_long_it_takes_before_the_first_run(
    tmp_path: Path, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearsight.study.comparing.seconds_of_step", lambda *_: 30.0)
    monkeypatch.setattr("nearsight.study.comparing.seconds_of_asking", lambda *_, **__: 0.0)
    fields = FIELDS | {"batch_size": 8}
    with pytest.raises(InputError, match="are trained on"):
        nearsight.compare(
            images(), tiles=[6, None], seeds=2, out=tmp_path / "out", progress=listener, **fields
        )
    (line,) = [line for line in listener.said if "(run 1 of" in line]
    runs = int(line.split("run 1 of ")[1].split(",")[0])
    # Two steps of 30 seconds in each run, whatever its arm.
    assert line.endswith(f"(run 1 of {runs}, about {duration(runs * 2 * 30)} to go)")
