"""How long training will take, before it begins: the time of a step, measured on a few tiles."""

import copy
import time

import torch
import torch.nn.functional as F
from torch import nn

from nearsight.models.small_grids import small_grids_as_products
from nearsight.settings import Recipe
from nearsight.training.cost import count_flops, count_optimizer_flops

# On a processor, this many pixels are enough to time a pass; a GPU is only busy with the whole batch.
PIXELS = 16 * 32 * 32


def seconds_of_step(network: nn.Module, recipe: Recipe, size: tuple[int, int], device: torch.device) -> float:
    """Return about how many seconds an optimizer step of a recipe takes on a device.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))
    >>> 0 < seconds_of_step(network, Recipe(batch_size=4, optimizer="adamw"), (8, 8), torch.device("cpu")) < 10
    True

    Two forward and backward passes run on black tiles of `size`, height and width in pixels. The time of the second
    is scaled to the tiles of a step, and the optimizer's part is added by its operations. Reading images is left out.
    The network is left as it was.
    """
    tiles = recipe.batch_size * recipe.tiles_per_image
    timed = tiles if device.type == "cuda" else min(tiles, max(2, PIXELS // (size[0] * size[1])))
    dtype = torch.bfloat16 if _takes_bfloat16(recipe, device) else torch.float32
    twin = copy.deepcopy(network).to(device).train()
    images = torch.zeros(timed, 3, *size, device=device).contiguous(memory_format=torch.channels_last)
    seconds = 0.0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for _ in range(2):
            begun = time.perf_counter()
            with (
                torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32),
                small_grids_as_products(device, dtype),
            ):
                logits = twin(images)
                loss = F.cross_entropy(logits.float(), torch.zeros(timed, dtype=torch.int64, device=device))
            loss.backward()  # type: ignore[no-untyped-call]
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - begun
    passes = count_flops(network, size) * tiles
    return seconds * tiles / timed * (1 + count_optimizer_flops(network, recipe) / max(passes, 1))


def _takes_bfloat16(recipe: Recipe, device: torch.device) -> bool:
    """Say whether a run will most likely be trained in bfloat16 (`choose_precision` finds out)."""
    if recipe.precision != "auto":
        return recipe.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16", False))
