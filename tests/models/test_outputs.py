"""Where the logits are in what a model returns."""

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import evidence
from nearsight.evidence.forward_pass import bound
from nearsight.models.outputs import LogitsOf, is_seen, logits_in, logits_name, output_tensors

ROWS, FEATURES, MAP = torch.rand(2, 4), torch.rand(2, 8), torch.rand(2, 8, 3, 3)
Named = namedtuple("Named", "features logits")


@dataclass
class Output:
    logits: Tensor
    hidden: Any = None


@pytest.mark.parametrize(
    ("output", "name"),
    [
        (ROWS, ""),
        (ROWS.numpy(), ""),
        (ROWS.to_sparse(), ""),
        (ROWS[..., None, None], ""),
        ((ROWS,), "0"),
        ([ROWS], "0"),
        ((MAP, ROWS), "1"),
        ((torch.tensor(0.5), ROWS), "1"),
        ((ROWS, ROWS.argmax(1), None), "0"),
        ({"logits": ROWS, "features": FEATURES}, "logits"),
        ({"features": FEATURES, "logits": ROWS}, "logits"),
        ({"features": FEATURES, "probabilities": ROWS}, "probabilities"),
        ({"class": {"logits": ROWS}, "map": MAP}, "class.logits"),
        (Output(ROWS, (MAP, MAP)), "logits"),
        (Output(ROWS, FEATURES), "logits"),
        (SimpleNamespace(logits=ROWS.numpy()), "logits"),
        (Named(FEATURES, ROWS), "logits"),
    ],
)
def test_the_logits_are_found_where_only_one_output_can_be_them(output: Any, name: str) -> None:
    assert logits_name(output, batch=2) == name
    assert torch.equal(logits_in(output, name), ROWS)


@pytest.mark.parametrize("output", [(ROWS, FEATURES), {"f": FEATURES, "y": ROWS}, [FEATURES, ROWS]])
def test_of_two_that_can_be_the_logits_none_is_guessed(output: Any) -> None:
    with pytest.raises(
        InputError, match=r"which of '\w' and '\w' are the logits is not known.*output="
    ) as told:
        logits_name(output, batch=2)
    assert "(2, 4)" in str(told.value)
    assert "(2, 8)" in str(told.value)
    name = logits_name(output, batch=2, classes=4)
    assert torch.equal(logits_in(output, name), ROWS)


def test_the_number_of_classes_does_not_decide_between_equals() -> None:
    with pytest.raises(InputError, match="'0' and '1'"):
        logits_name((ROWS, ROWS), batch=2, classes=4)


@pytest.mark.parametrize(("wanted", "name"), [("y", "y"), (1, "y"), (0, "f"), ("f", "f")])
def test_a_name_or_a_number_decides(wanted: str | int, name: str) -> None:
    assert logits_name({"f": FEATURES, "y": ROWS}, batch=2, wanted=wanted) == name


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("z", r"no output 'z'; it returns 'f': .* of shape \(2, 8, 3, 3\), 'y'"),
        (2, "no output 2"),
        ("f", r"output 'f' .* expected logits of shape \(2, classes\)"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(wanted: str | int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        logits_name({"f": MAP, "y": ROWS}, batch=2, wanted=wanted)


@pytest.mark.parametrize("output", [None, (), {"text": "cat"}, (None,), "cat"])
def test_a_model_that_returns_no_numbers_is_refused(output: Any) -> None:
    assert output_tensors(output) == {}
    with pytest.raises(InputError, match="nothing that holds numbers; expected logits"):
        logits_name(output, batch=2)


class TwoHeads(nn.Module):
    """A network that returns features first, under no name."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(6, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.body(images)
        # Class embeddings, which have as many rows as some batch will have.
        return features, self.head(features), self.head.weight


def test_a_choice_made_once_holds_for_every_batch() -> None:
    torch.manual_seed(0)
    network = TwoHeads().eval()
    model = bound(network, torch.zeros(3, 8, 8), classes=4)
    assert isinstance(model, LogitsOf)
    assert model.model is network
    assert not model.training
    images = torch.randn(4, 3, 8, 8)
    # In a batch of four the weights could be the logits too.
    with torch.inference_mode():
        assert torch.equal(model(images), network(images)[1])
    found = evidence(network, images, tile=8, classes=("a", "b", "c", "d"))
    assert found[0].logits.shape == (4, 1, 1)


def test_a_model_that_returns_logits_is_itself() -> None:
    def model(images: Tensor) -> Tensor:
        return images.mean((2, 3))

    assert bound(model, torch.zeros(3, 4, 4)) is model
    wrapped = bound(lambda images: np.asarray(model(images)), torch.zeros(3, 4, 4))
    assert torch.equal(wrapped(torch.ones(1, 3, 4, 4)), torch.ones(1, 3))
    assert not is_seen(wrapped)


def test_a_model_that_changes_what_it_returns_is_refused() -> None:
    with pytest.raises(InputError, match="and 'logits' at first"):
        logits_in({"scores": ROWS}, "logits")
