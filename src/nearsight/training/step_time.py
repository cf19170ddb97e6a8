"""How long training will take, before it begins: the time of a step, measured on a few tiles."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.models.small_grids import small_grids_as_products
from nearsight.progress import Stopwatch
from nearsight.settings import Recipe
from nearsight.training.cost import count_flops, count_optimizer_flops
from nearsight.training.precision import slowdown

# On a processor, this many pixels are enough to time a pass; a GPU is only busy with the whole batch.
PIXELS = 16 * 32 * 32


def seconds_of_step(
    network: nn.Module,
    recipe: Recipe,
    size: tuple[int, int],
    device: torch.device,
    dtype: torch.dtype | None = None,
) -> float:
    """Return about how many seconds an optimizer step of a recipe takes on a device.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))
    >>> 0 < seconds_of_step(network, Recipe(batch_size=4, optimizer="adamw"), (8, 8), torch.device("cpu")) < 10
    True

    Two forward and backward passes run on black tiles of `size`, height and width in pixels, in the precision
    `dtype`; without one, in that which `choose_precision` will most likely choose. The time of the second is scaled
    to the tiles of a step, and the optimizer's part is added by its operations. Reading images is left out. The
    network is left as it was.
    """
    tiles = recipe.batch_size * recipe.tiles_per_image
    timed = tiles if device.type == "cuda" else min(tiles, max(2, PIXELS // (size[0] * size[1])))
    images = torch.zeros(timed, 3, *size, device=device).contiguous(memory_format=torch.channels_last)
    if dtype is None and recipe.precision != "auto":
        dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    if dtype is None and device.type == "cuda":
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if dtype is None:
        dtype = torch.float32 if slowdown() > 1 else torch.bfloat16
    seconds = _seconds_of_pass(network, images, dtype)
    passes = count_flops(network, size) * tiles
    return seconds * tiles / timed * (1 + count_optimizer_flops(network, recipe) / max(passes, 1))


def _seconds_of_pass(network: nn.Module, images: Tensor, dtype: torch.dtype) -> float:
    """Return the seconds of the second of two forward and backward passes of a copy of the network."""
    device, seconds = images.device, 0.0
    twin = copy.deepcopy(network).to(device).train()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for _ in range(2):
            watch = Stopwatch()
            with (
                torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32),
                small_grids_as_products(device, dtype),
            ):
                logits = twin(images)
                loss = F.cross_entropy(
                    logits.float(), torch.zeros(len(images), dtype=torch.int64, device=device)
                )
            loss.backward()  # type: ignore[no-untyped-call]
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds = watch.seconds()
    return seconds
