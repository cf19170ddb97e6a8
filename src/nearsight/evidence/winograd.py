"""3×3 convolutions with a quarter of the multiplications: Winograd's minimal filtering, F(4×4, 3×3).

Lavin and Gray, arXiv 1509.09308. In float32 its error is about four times that of a plain convolution, which is
still of the order of rounding. Matrix products do nearly all of the work.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# An output tile, and the input from which it is made.
OUT, IN = 4, 6
# With fewer channels, the gain is smaller than the cost of transforming the input into tiles and back.
FEWEST_CHANNELS = 64
# The cost of these transforms, as a share of the products.
TURNING = 1.25

_INPUT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
_WEIGHT = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)


class Winograd:
    """Convolves by Winograd's method if it pays, with weights that are transformed once and kept, up to `most` bytes.

    >>> images, weight = torch.rand(1, 64, 5, 7), torch.rand(64, 64, 3, 3)
    >>> found = Winograd(most=2**24).convolved(images, weight, None, padding=1)
    >>> torch.allclose(found, F.conv2d(images, weight, padding=1), rtol=1e-4)
    True
    """

    def __init__(self, most: int) -> None:
        self._room = most
        self._turned: dict[tuple[int, torch.Size], tuple[Tensor, Tensor]] = {}

    def takes(self, weight: Tensor, size: tuple[int, int], **settings: Any) -> bool:
        """Say whether a convolution to an output of a height and width is done this way; `settings` are conv2d's."""
        return (
            weight.dtype == torch.float32
            and weight.device.type == "cpu"
            and tuple(weight.shape[2:]) == (3, 3)
            and min(weight.shape[:2]) >= FEWEST_CHANNELS
            and settings["groups"] == 1
            and set(settings["stride"]) == set(settings["dilation"]) == {1}
            and list(settings["padding"]) in ([0, 0], [1, 1])
            and multiplications(size) < 9 * size[0] * size[1]
            and (self._key(weight) in self._turned or self._turned_bytes(weight) <= self._room)
        )

    def convolved(self, images: Tensor, weight: Tensor, bias: Tensor | None, *, padding: int) -> Tensor:
        """Return images (B, C, H, W) convolved with a weight (outputs, C, 3, 3), channels last."""
        height, width = (side + 2 * padding - 2 for side in images.shape[2:])
        down, right = -(-height // OUT), -(-width // OUT)
        batch, channels = images.shape[:2]
        more = (OUT * right - width, OUT * down - height)
        padded = F.pad(
            images.permute(0, 2, 3, 1), (0, 0, padding, padding + more[0], padding, padding + more[1])
        )
        ours = images.new_tensor(_INPUT)
        rows = torch.stack([padded[:, place : place + OUT * down : OUT] for place in range(IN)])
        turned = (ours @ rows.view(IN, -1)).view(IN, batch, down, -1, channels)
        columns = torch.stack([turned[:, :, :, place : place + OUT * right : OUT] for place in range(IN)])
        tiles = (ours @ columns.view(IN, -1)).view(IN * IN, -1, channels)
        products = torch.bmm(tiles, self._weight(weight))
        back = images.new_tensor(_OUTPUT)
        half = (back @ products.view(IN, -1)).view(OUT, IN, -1)
        whole = (back @ half).view(OUT, OUT, batch, down, right, -1)
        found = whole.permute(2, 3, 1, 4, 0, 5).reshape(batch, OUT * down, OUT * right, -1)
        if more != (0, 0):
            found = found[:, :height, :width].contiguous()
        if bias is not None:
            found += bias
        return found.permute(0, 3, 1, 2)

    def _weight(self, weight: Tensor) -> Tensor:
        """Return a weight in the form that its products use, (36, C, outputs)."""
        key = self._key(weight)
        if key not in self._turned:
            matrix = torch.tensor(_WEIGHT, dtype=torch.float64)
            both = torch.kron(matrix, matrix)
            # The columns come first, because they are transformed last.
            places = weight.permute(3, 2, 1, 0).reshape(9, -1).double()
            turned = (both @ places).float().view(IN * IN, weight.shape[1], weight.shape[0])
            self._room -= turned.nbytes
            self._turned[key] = (turned, weight)
        return self._turned[key][0]

    @staticmethod
    def _key(weight: Tensor) -> tuple[int, torch.Size]:
        return weight.data_ptr(), weight.shape

    @staticmethod
    def _turned_bytes(weight: Tensor) -> int:
        return weight.nbytes // 9 * IN * IN


def multiplications(size: tuple[int, int]) -> float:
    """Return how many multiplications, per pair of channels, an output of a size costs in all.

    >>> multiplications((8, 8)) / (9 * 8 * 8)
    0.3125
    """
    return TURNING * IN * IN * (-(-size[0] // OUT)) * (-(-size[1] // OUT))
