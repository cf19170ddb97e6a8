"""Steps of brightness and colour from pixel to pixel. What repeats in them repeats like a drawn line."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# In units of the usual step, so that one sharp edge counts no more than a few usual ones.
CLIP = 3.0
KINDS = 6


def signed_steps(pixels: Tensor) -> Tensor:
    """Return the steps to the right and downwards of brightness and of two differences of colour.

    >>> signed_steps(torch.tensor([0, 0, 90], dtype=torch.uint8).expand(1, 3, 1, 3))[0, 0].tolist()
    [[0.0, 90.0, 0.0]]

    `pixels` is uint8 (n, 3, height, width); the result is float32 (n, 6, height, width), in grey levels: first
    the three steps to the right, 0 in the last column, then the three downwards, 0 in the last row.
    """
    colours = pixels.float()
    grey = colours.mean(1)
    channels = torch.stack([grey, colours[:, 0] - grey, colours[:, 2] - grey], 1)
    right = F.pad(channels[..., 1:] - channels[..., :-1], (0, 1))
    down = F.pad(channels[..., 1:, :] - channels[..., :-1, :], (0, 0, 0, 1))
    return torch.cat([right, down], 1)


@dataclass(frozen=True, eq=False)
class Usual:
    """The usual steps of a set's images: `scale` of each kind (6,), and their `mean` at each place.

    >>> pixels = torch.randint(0, 255, (5, 3, 8, 8), dtype=torch.uint8)
    >>> Usual.of(pixels).unusual(pixels).mean(0).abs().max() < 1e-5
    tensor(True)
    """

    scale: Tensor
    mean: Tensor

    @staticmethod
    def of(pixels: Tensor) -> "Usual":
        """Measure it on images of many classes, uint8 (n, 3, height, width)."""
        steps = signed_steps(pixels)
        scale = (steps**2).mean((0, 2, 3)).sqrt().clamp(min=1e-3)
        return Usual(scale, (steps / scale[:, None, None]).clamp(-CLIP, CLIP).mean(0))

    def unusual(self, pixels: Tensor) -> Tensor:
        """Return how the steps of images differ from the mean, float32 (n, 6, height, width), in usual steps."""
        return (signed_steps(pixels) / self.scale[:, None, None]).clamp(-CLIP, CLIP) - self.mean


def in_blocks(steps: Tensor, block: int) -> tuple[Tensor, tuple[int, int]]:
    """Return steps sorted by blocks of the picture, (blocks, n, values), and rows and columns of blocks.

    >>> blocks, shape = in_blocks(torch.ones(2, 6, 5, 4), 2)
    >>> tuple(blocks.shape), shape
    ((6, 2, 24), (3, 2))

    `steps` is (n, 6, height, width); blocks at the far edges are padded with 0.
    """
    count, kinds, height, width = steps.shape
    rows, columns = -(-height // block), -(-width // block)
    padded = F.pad(steps, (0, columns * block - width, 0, rows * block - height))
    parts = padded.reshape(count, kinds, rows, block, columns, block).permute(2, 4, 0, 1, 3, 5)
    return parts.reshape(rows * columns, count, -1), (rows, columns)
