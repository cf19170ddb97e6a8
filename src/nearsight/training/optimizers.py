"""From a recipe to optimizers, and the learning rate at each step."""

import math
from typing import Any, Literal

import torch
from torch import nn

from nearsight.models.gated_attention import attention_names
from nearsight.settings import Recipe
from nearsight.training.muon import Muon
from nearsight.training.parameter_groups import is_one_group, parameter_groups

# airbench trains the bias of the whitening layer only for the first 3 of its 8 epochs.
WHITEN_BIAS_SHARE = 3 / 8


def build_optimizers(
    network: nn.Module, recipe: Recipe, dtype: torch.dtype = torch.float32
) -> list[torch.optim.Optimizer]:
    """Return the recipe's optimizers over the network's trainable parameters.

    Muon makes its updates orthogonal in `dtype`. Each group keeps its peak learning rate in `peak_lr` and, in
    `begin` and `share`, the shares of the run between which it is trained. On a GPU the current rate is a tensor
    there, so that a captured step can be replayed at another rate.
    """
    optimizers: list[torch.optim.Optimizer]
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    given: Any = parameters if is_one_group(recipe) else parameter_groups(network, recipe)
    if recipe.optimizer == "adamw":
        optimizers = [
            torch.optim.AdamW(
                given,
                lr=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                fused=_fuses(parameters),
                capturable=parameters[0].is_cuda,
            )
        ]
    elif recipe.optimizer == "sgd":
        optimizers = [
            torch.optim.SGD(
                given,
                lr=recipe.learning_rate,
                momentum=recipe.momentum,
                nesterov=recipe.nesterov and recipe.momentum > 0,
                weight_decay=recipe.weight_decay,
                fused=_fuses(parameters),
            )
        ]
    else:
        optimizers = _muon_with_sgd(network, recipe, dtype)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
            group.setdefault("begin", 0.0)
            group.setdefault("share", 1.0)
            if group["params"][0].is_cuda:
                group["lr"] = torch.tensor(group["peak_lr"], device=group["params"][0].device)
    return optimizers


def _fuses(parameters: list[nn.Parameter]) -> bool:
    # One pass over each parameter and its state instead of one per operation.
    return parameters[0].device.type in ("cpu", "cuda")


def _muon_with_sgd(network: nn.Module, recipe: Recipe, dtype: torch.dtype) -> list[torch.optim.Optimizer]:
    of_attention = attention_names(network)
    attention = [p for name, p in network.named_parameters() if name in of_attention]
    trainable = {
        name: p for name, p in network.named_parameters() if p.requires_grad and name not in of_attention
    }
    filters = [p for p in trainable.values() if p.ndim == 4]
    matrices = [p for p in trainable.values() if p.ndim in (2, 3)]
    first_bias = [p for name, p in trainable.items() if name == "whiten.bias"]
    vectors = [p for name, p in trainable.items() if p.ndim <= 1 and name != "whiten.bias"]
    # airbench sums the loss over the batch; a mean loss with rates times the batch size takes the same steps.
    bias_rate = recipe.bias_learning_rate * recipe.batch_size
    head_rate = recipe.head_learning_rate * recipe.batch_size
    rates = (
        (vectors, bias_rate, 1.0),
        (matrices, head_rate, 1.0),
        (first_bias, bias_rate, WHITEN_BIAS_SHARE),
        # The head's rate is for features that are scaled down by hundreds; attention normalises its own.
        (attention, recipe.learning_rate, 1.0),
    )
    groups: list[dict[str, Any]] = [
        {"params": params, "lr": rate, "weight_decay": recipe.weight_decay / rate, "share": share}
        for params, rate, share in rates
        if params and rate > 0
    ]
    optimizers: list[torch.optim.Optimizer] = []
    if filters:
        rate, momentum = recipe.learning_rate, recipe.momentum
        optimizers.append(Muon(filters, lr=rate, momentum=momentum, nesterov=recipe.nesterov, dtype=dtype))
    if groups:
        fused = _fuses(groups[0]["params"])
        optimizers.append(torch.optim.SGD(groups, lr=bias_rate, momentum=0.85, nesterov=True, fused=fused))
    return optimizers


def rate_factor(
    schedule: Literal["cosine", "linear", "constant"], step: int, steps: int, warmup: float
) -> float:
    """Return the factor on the peak learning rate at one step of a run.

    >>> rate_factor("linear", 0, 10, warmup=0.0), rate_factor("linear", 5, 10, warmup=0.0)
    (1.0, 0.5)
    """
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(steps - rising, 1)
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return max(0.0, 1.0 - done)
    return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))


def rate_at(group: dict[str, Any], recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a group of parameters for one step of a run, 0 before it begins.

    >>> group = {"peak_lr": 1.0, "begin": 0.5, "share": 1.0}
    >>> [rate_at(group, Recipe(schedule="linear"), step, 4) for step in range(4)]
    [0.0, 0.0, 1.0, 0.5]
    """
    first = round(group["begin"] * steps)
    span = max(1, round(group["share"] * steps)) - first
    if not 0 <= step - first < span:
        return 0.0
    return float(group["peak_lr"] * rate_factor(recipe.schedule, step - first, span, recipe.warmup))


def set_rates(optimizers: list[torch.optim.Optimizer], recipe: Recipe, step: int, steps: int) -> None:
    """Set every group's learning rate for one step."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            rate = rate_at(group, recipe, step, steps)
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
