"""Gated attention: a network learns to say, beside a tile's logits, how much the tile counts."""

from typing import cast

import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models.probing import eval_mode

HIDDEN = 128


class AttentionHead(nn.Module):
    """A network's last linear layer and, beside its logits, one more number: the tile's attention.

    >>> AttentionHead(nn.Linear(8, 10))(torch.zeros(2, 8)).shape
    torch.Size([2, 11])

    The attention of an embedding h is wᵀ(tanh(V h) · sigmoid(U h)), before the softmax over an image's tiles.
    Because the layer is linear, the logits of the attention-weighted mean embedding are the attention-weighted
    mean of the tiles' logits. h is first scaled to mean 0 and variance 1, because some of our networks scale it
    by hundreds; w starts at 0, so attention starts as the plain mean. Source: Ilse, Tomczak and Welling,
    "Attention-based Deep Multiple Instance Learning", ICML 2018, equation 9.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        features, hidden = linear.in_features, min(HIDDEN, linear.in_features)
        self.linear = linear
        self.norm = nn.LayerNorm(features, elementwise_affine=False)
        self.value = nn.Linear(features, hidden)
        self.gate = nn.Linear(features, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return logits and attention, (B, classes + 1), of embeddings (B, features)."""
        normed = self.norm(embeddings)
        attention = self.score(torch.tanh(self.value(normed)) * torch.sigmoid(self.gate(normed)))
        # Whatever is multiplied last counts as the embedding when it is requested.
        return torch.cat((self.linear(embeddings), attention), -1)


def attention_names(network: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters that give attention, and not logits.

    >>> attention_names(nn.Sequential(AttentionHead(nn.Linear(8, 10))))[0]
    '0.value.weight'
    """
    return tuple(
        f"{place}.{name}"
        for place, part in network.named_modules()
        if isinstance(part, AttentionHead)
        for name, _ in part.named_parameters()
        if not name.startswith("linear.")
    )


def with_attention(network: nn.Module, classes: int, side: int) -> nn.Module:
    """Replace a network's last linear layer by a head with attention, and return the network.

    >>> from nearsight.models import build
    >>> with_attention(build("resnet18", 10, width=0.25), 10, side=16).eval()(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 11])

    The layer is found by watching the network on one image of `side`×`side` pixels. Raises `InputError` for a network
    whose logits are not those of a linear layer.
    """
    found: list[str] = []
    names = {module: name for name, module in network.named_modules() if isinstance(module, nn.Linear)}

    def note(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.ndim == 2 and output.shape[1] == classes:
            found.append(names[cast(nn.Linear, module)])

    hooks = [module.register_forward_hook(note) for module in names]
    try:
        device = next((weights.device for weights in network.parameters()), None)
        with torch.no_grad(), eval_mode(network):
            network(torch.zeros(1, 3, side, side, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    if not found or not found[-1]:
        raise InputError(
            f"attention is of the input of a network's last linear layer, and {type(network).__name__} ends on none; "
            "choose another `pooling`"
        )
    linear = network.get_submodule(found[-1])
    network.set_submodule(found[-1], AttentionHead(cast(nn.Linear, linear)))
    return network
