"""A guard against slower steps that is not timed: what a step asks of PyTorch, counted."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from nearsight.data import ImageSet, ImageSets
from nearsight.settings import RECIPES, Machine, recipe_from_values
from nearsight.training import train
from nearsight.training.records import Records

# 353 counted with PyTorch 2.14.1; two more operators for each of the six convolutions would not pass.
OPERATORS = 362
FEW = {"tile": 6, "width": 0.1, "batch_size": 20, "precision": "float32", "validation": 0.0}


class Calls(TorchDispatchMode):
    """Counts the calls of each operator."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def step(
    make_images: Callable[..., ImageSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, float]:
    """Return the calls of each operator in a step of the `fast` recipe, without the rows of metrics."""
    monkeypatch.setattr(Records, "keep", lambda *_: None)
    images = make_images(60)

    def calls(steps: int) -> Counter[str]:
        recipe = recipe_from_values({**FEW, "steps": steps, "data": "toy"}, RECIPES["fast"])
        with Calls() as counted:
            train(
                recipe,
                ImageSets("toy", {"train": images}),
                tmp_path / str(steps),
                machine=Machine(device="cpu"),
            )
        return counted.counts

    few, many = calls(6), calls(12)
    return {name: (many[name] - few[name]) / 6 for name in many}


def test_a_step_calls_no_more_operators_than_it_did(step: dict[str, float]) -> None:
    assert 0.8 * OPERATORS < sum(step.values()) <= OPERATORS
    # Six filters and the whitening layer, forward and back.
    assert step["aten.convolution.default"] == step["aten.convolution_backward.default"] == 7


def test_a_step_never_waits_for_the_device(step: dict[str, float]) -> None:
    assert step.get("aten._local_scalar_dense.default", 0) == 0
