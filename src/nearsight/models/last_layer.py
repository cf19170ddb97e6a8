"""The layer of a network that gives the logits."""

import torch
from torch import nn

from nearsight.models.gated_attention import AttentionHead
from nearsight.models.published import is_published


def last_layer(network: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters of the layer that gives a network's logits, as far as can be told.

    >>> last_layer(nn.Sequential(nn.Conv2d(3, 8, 1), nn.Flatten(), nn.Linear(8, 2)))
    ('2.weight', '2.bias')

    For timm's networks it is their own classifier, or both if they have two; otherwise the linear layer or
    convolution that is listed last, with what gives attention beside it. Without one it is empty.
    """
    layers: list[nn.Module] = [part for part in network.modules() if isinstance(part, AttentionHead)]
    if not layers:
        layers += [part for part in network.modules() if isinstance(part, nn.Linear | nn.Conv2d)][-1:]
    if is_published(network):
        # For another module than a network of its own, this says what it is.
        own = network.get_classifier()  # type: ignore[operator]
        layers = list(own) if isinstance(own, tuple | list) else [own]
    wanted = {id(value) for layer in layers for value in layer.parameters()}
    return tuple(name for name, value in network.named_parameters() if id(value) in wanted)


def begin_even(network: nn.Module) -> None:
    """Shrink a new last layer of one of timm's networks to the size of PyTorch's initial weights, if it is larger.

    >>> import timm
    >>> network = timm.create_model("test_efficientnet", num_classes=10)
    >>> begin_even(network)
    >>> bool(network.get_classifier().weight.abs().max() <= 256**-0.5)
    True

    timm gives the last layers of its EfficientNets and MobileNets weights that are meant for thousands of classes
    and training from scratch. On the features of published weights, and with ten classes, the logits of
    EfficientNet-Lite0 differed by 15 at first, and much of a short training went into taking that back.
    """
    if not is_published(network):
        return
    own = network.get_classifier()  # type: ignore[operator]
    for layer in own if isinstance(own, tuple | list) else [own]:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            with torch.no_grad():
                limit = layer.weight[0].numel() ** -0.5
                largest = float(layer.weight.abs().max())
                layer.weight.mul_(min(1.0, limit / largest) if largest > 0 else 1.0)
