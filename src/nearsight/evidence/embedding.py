"""A network's representation of tiles just before its logits."""

from typing import Any

import torch
from torch import Tensor

from nearsight.evidence.forward_pass import Model, forward
from nearsight.evidence.operations import OperationMode

_aten = torch.ops.aten

# The operations by which PyTorch multiplies matrices, and the place of the left one in their arguments.
_PRODUCTS = {
    _aten.linear.default: 0,
    _aten.mm.default: 0,
    _aten.matmul.default: 0,
    _aten.addmm.default: 1,
}
# Squeeze and excitation uses such convolutions as well; only one to the logits is the head.
_CONVOLUTIONS = (_aten.conv2d.default, _aten.convolution.default)


def embed(model: Model, tiles: Tensor) -> Tensor:
    """Return a model's embedding of each tile, float (B, features), on the device of the model's output.

    >>> from nearsight.models import build
    >>> embed(build("resnet18", classes=10, width=0.25), torch.zeros(4, 3, 16, 16)).shape
    torch.Size([4, 128])

    The embedding is the input of the last matrix product whose rows are the batch: in nearly every classifier,
    the input of its linear head. A convolution of one pixel to the logits, after the pooling, is such a product
    too. No layer is named: PyTorch's operations are watched as they run. If there is no such product (a head
    before the pooling, a model outside PyTorch), the embedding is the logits.

    `tiles` is (B, C, tile, tile) in the model's input form. Raises what the model raises.
    """
    with _LastProduct(len(tiles)) as product:
        # A copy, because some models work in place.
        logits = forward(model, tiles.clone())
    if product.head is not None and product.head[1] == logits.shape[1]:
        return product.head[0]
    return logits if product.rows is None else product.rows


class _LastProduct(OperationMode):
    """Keeps the left side of the last matrix product with as many rows as the batch."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self._batch = batch
        self.rows: Tensor | None = None
        # A convolution of single pixels after which nothing came, and its number of outputs.
        self.head: tuple[Tensor, int] | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _PRODUCTS:
            left = args[_PRODUCTS[func]]
            if left.ndim == 2 and len(left) == self._batch:
                self.rows, self.head = left, None
        if func in _CONVOLUTIONS:
            left, weight = args[0], args[1]
            if (
                left.ndim == 4
                and left.shape[0] == self._batch
                and left.shape[2:] == weight.shape[2:] == (1, 1)
            ):
                self.head = left.flatten(1), len(weight)
        return func(*args, **(kwargs or {}))
