"""The head of a classifier: the last linear layer, found by its behaviour, and changed."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.evidence.embedding import embed
from nearsight.models import Classifier

# Noise images that are given to the network, and how far from linear its outputs may be, as a share of their
# size.
ASKED, ROUNDING = 8, 1e-3


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head: logits are `factor` times (embedding times `weight`, transposed, plus `bias`).

    `weight` and `bias` are names of the classifier's parameters; `bias` is None for a head without one.
    """

    weight: str
    bias: str | None
    factor: float

    def replaced(self, classifier: Classifier, weight: Tensor, bias: Tensor | None) -> Classifier:
        """Return a copy of a classifier whose logits are embedding times `weight`, transposed, plus `bias`.

        `weight` is float (classes, features), `bias` (classes,), None for a head without one. All else is equal.
        """
        changed = copy.deepcopy(classifier).eval()
        parameters = dict(changed.named_parameters())
        with torch.no_grad():
            held = parameters[self.weight]
            held.copy_((weight / self.factor).reshape(held.shape))
            if self.bias is not None and bias is not None:
                parameters[self.bias].copy_(bias / self.factor)
        return changed


def head_of(bound: TiledModel) -> Head:
    """Return the linear head of a bound classifier, found without names of layers.

    >>> from nearsight.models import Architecture, Preprocessing
    >>> architecture, halves = Architecture("airbench", classes=2, width=0.1), Preprocessing((0.5,) * 3, (0.5,) * 3)
    >>> classifier = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, halves).eval()
    >>> head = head_of(TiledModel(classifier))
    >>> head.weight, head.bias, round(head.factor, 3)
    ('network.head.weight', None, 1.0)

    A little noise is given to the network. Its head is the parameter by which its embeddings
    (`nearsight.evidence.embedding`) must be multiplied to give its logits, up to a factor. Raises `InputError` if
    there is none: the head has several layers, or its logits are not linear in the embedding.
    """
    classifier = bound.model
    if not isinstance(classifier, Classifier):
        raise InputError(f"only the head of a Classifier can be refitted, got a {type(classifier).__name__}")
    side = bound.tile or classifier.architecture.tile or 64
    noise = torch.randn(ASKED, 3, side, side, generator=torch.Generator().manual_seed(0))
    network = copy.deepcopy(classifier).cpu().eval()
    with torch.no_grad():
        embeddings, logits = embed(network, noise).double(), network(noise).double()
    parameters = dict(network.named_parameters())
    wanted = (len(classifier.classes), embeddings.shape[1])
    for weight, held in parameters.items():
        if held.ndim < 2 or held.numel() != wanted[0] * wanted[1] or tuple(held.flatten(1).shape) != wanted:
            continue
        made = embeddings @ held.detach().double().flatten(1).T
        biases = [name for name, other in parameters.items() if tuple(other.shape) == wanted[:1]]
        for bias in (*biases, None):
            plain = made if bias is None else made + parameters[bias].detach().double()
            if (factor := _factor(plain, logits)) is not None:
                return Head(weight, bias, factor)
    raise InputError(
        f"the head of '{classifier.architecture.name}' is not a single linear layer, so it cannot be refitted; use "
        "`method='swap'` or `method='groups'`, which train the whole network"
    )


def _factor(made: Tensor, logits: Tensor) -> float | None:
    """Return the number that turns one into the other; None if there is none."""
    size = (made * made).sum()
    factor = float((made * logits).sum() / size) if size > 0 else 0.0
    if factor == 0:
        return None
    return factor if float((factor * made - logits).norm()) <= ROUNDING * float(logits.norm()) else None
