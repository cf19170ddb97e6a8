"""The groups in which parameters are trained: which have lower rates, which decay, and which wait."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from nearsight.models.last_layer import last_layer
from nearsight.models.published import is_published
from nearsight.settings import Recipe


def is_one_group(recipe: Recipe) -> bool:
    """Say whether a recipe trains all parameters alike.

    >>> is_one_group(Recipe()), is_one_group(Recipe(layer_decay=0.75))
    (True, False)
    """
    return recipe.layer_decay is None and recipe.head_first == 0 and recipe.decay_norms


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the groups that a PyTorch optimizer is given for a network's trainable parameters.

    >>> network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    >>> groups = parameter_groups(network, Recipe(learning_rate=1.0, weight_decay=0.1, layer_decay=0.5))
    >>> [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups]
    [(0.5, 0.1, 2), (1.0, 0.1, 2)]

    Each has its rate, `lr`, its `weight_decay`, and in `begin` the share of the run after which it is trained.
    With `layer_decay` the rate falls by that factor from each block to the one before it; blocks are timm's for
    timm's networks, otherwise the parts of the network in the order in which it lists them. Norms and biases,
    which have one axis, decay only with `decay_norms`; the last layer is trained from the first step on. The
    length of AdamW's steps does not depend on what follows a layer, so a last layer whose outputs are multiplied
    by a network's `head_scale` has that many times the rate, and its decay as before. Sources: Clark et al.,
    "ELECTRA", ICLR 2020, appendix; Bao et al., "BEiT", ICLR 2022; timm's `param_groups_layer_decay`.
    """
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    scales = _scales(network, trained, recipe.layer_decay)
    spared = _spared(network)
    head = last_layer(network)
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, value in trained.items():
        decays = recipe.decay_norms or (value.ndim > 1 and name not in spared)
        groups.setdefault((scales[name], decays, name in head), []).append(value)
    behind = getattr(network, "head_scale", 1.0) if recipe.optimizer == "adamw" else 1.0
    return [
        {
            "params": parameters,
            "lr": recipe.learning_rate * scale / (behind if of_head else 1.0),
            "weight_decay": recipe.weight_decay * (behind if of_head else 1.0) if decays else 0.0,
            "begin": 0.0 if of_head else recipe.head_first,
        }
        for (scale, decays, of_head), parameters in groups.items()
    ]


def _scales(
    network: nn.Module, trained: Mapping[str, nn.Parameter], layer_decay: float | None
) -> dict[str, float]:
    if layer_decay is None:
        return dict.fromkeys(trained, 1.0)
    if is_published(network):
        from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]

        found = param_groups_layer_decay(network, layer_decay=layer_decay)
        of_parameter = {id(one): group["lr_scale"] for group in found for one in group["params"]}
        return {name: of_parameter[id(value)] for name, value in trained.items()}
    blocks = list(dict.fromkeys(map(_block, trained)))
    return {name: layer_decay ** (len(blocks) - 1 - blocks.index(_block(name))) for name in trained}


def _block(name: str) -> str:
    """Return the part of a network that a parameter belongs to: its child, or one of a numbered row of children.

    >>> _block("blocks.3.conv1.weight"), _block("head.weight")
    ('blocks.3', 'head')
    """
    first, *more = name.split(".")
    return f"{first}.{more[0]}" if more and more[0].isdecimal() else first


def _spared(network: nn.Module) -> Iterable[str]:
    # What the authors of a timm network exempt from decay, such as position embeddings.
    exempt = getattr(network, "no_weight_decay", None)
    return set(exempt()) if is_published(network) and exempt is not None else set()
