"""What a user should know about how a model behaves, found by running it on a handful of tiles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nearsight.models.outputs import outputs_look_like
from nearsight.models.probing import probing_tiles

Kind = Literal["chance", "company", "probabilities", "single"]

# Differences that the order of sums explains, as a share of the logits' size.
_ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-4}
_COARSE = 2e-2
# How much the other tiles of the batch are changed, in standard deviations of usual images.
_BRIGHTER = 2


@dataclass(frozen=True)
class Finding:
    """One finding about a model: its kind, and the sentence that describes it."""

    kind: Kind
    sentence: str


def behaviour(run: Callable[[Tensor], Tensor], example: Tensor) -> tuple[Finding, ...]:
    """Return what a user should know about a model's logits before trusting them, from three passes over four tiles.

    >>> class Unsettled(torch.nn.Module):
    ...     def forward(self, tiles):
    ...         return torch.nn.functional.dropout(tiles.flatten(1))
    >>> [finding.kind for finding in behaviour(Unsettled(), torch.ones(3, 4, 4))]
    ['chance']

    `run` gives logits (B, classes) for tiles (B, C, H, W); `example` is one tile (C, H, W) in the model's input
    form. There are findings for logits that differ from pass to pass (`chance`), that differ with the other tiles
    of the batch (`company`), that are `probabilities`, and that are a `single` number, which is a map of one
    class. A model with none of these gives no findings. Raises what the model raises.
    """
    tiles = probing_tiles(example)

    def model(given: Tensor) -> Tensor:
        # A model may work in place, which is not chance.
        return run(given.clone()).float()

    logits = model(tiles)
    found = [finding for finding in (_chance(model, tiles, logits), _shares(logits)) if finding is not None]
    if not any(finding.kind == "chance" for finding in found):
        company = _company(model, tiles, logits)
        found += [company] if company is not None else []
    return tuple(found)


def _differs(one: Tensor, other: Tensor, dtype: torch.dtype) -> float:
    """Return by how much two passes differ beyond rounding; 0 if they do not."""
    difference = (one - other).abs().amax(1)
    # Each tile is compared relative to its own size: the logits of extreme ones would hide what happens to usual
    # ones.
    beyond = difference > _ROUNDING.get(dtype, _COARSE) * one.abs().amax(1)
    return float(difference[beyond].max()) if bool(beyond.any()) else 0.0


def _chance(model: Callable[[Tensor], Tensor], tiles: Tensor, logits: Tensor) -> Finding | None:
    apart = _differs(logits, model(tiles), tiles.dtype)
    if not apart:
        return None
    return Finding(
        "chance",
        f"the model depends on chance: two passes over the same tiles gave logits up to {apart:.3g} apart, so no "
        "number repeats; look for dropout by its function, which eval mode does not switch off",
    )


def _company(model: Callable[[Tensor], Tensor], tiles: Tensor, logits: Tensor) -> Finding | None:
    # The same number of tiles as before, so that only the other tiles of the batch differ.
    others = tiles.clone()
    others[1:] = tiles[1] + _BRIGHTER
    apart = _differs(logits[:1], model(others)[:1], tiles.dtype)
    if not apart:
        return None
    return Finding(
        "company",
        f"a tile's logits depend on the other tiles of its batch: by up to {apart:.3g} here, so numbers change with "
        "the memory bound; look for BatchNorm without running statistics",
    )


def _shares(logits: Tensor) -> Finding | None:
    outputs = outputs_look_like(logits)
    if outputs in ("logit", "probability"):
        return Finding(
            "single",
            f"the model gives one number per tile, which looks like a {outputs}: Classifier.of(model, "
            "classes=(NO, YES)) makes two classes of it",
        )
    if outputs == "probabilities":
        return Finding(
            "probabilities",
            "the model gives probabilities, not logits: evidence is in shares of 1, and means of them are not those "
            "of logits; Classifier.of(model, outputs='probabilities') takes their logarithm",
        )
    return None
