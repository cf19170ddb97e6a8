"""Cutout, CutMix and mixup: a square erased, a rectangle exchanged with another image, two images blended."""

from dataclasses import replace

import torch
from torch import Tensor

from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size
from nearsight.training.batches import Batch
from nearsight.training.order import generator

# Top, bottom, left and right of the rectangle that CutMix exchanges.
SIDES = 4
# A blend is drawn in this many parts, as a whole number like everything that is drawn.
PARTS = 1 << 16
# Both parameters of the beta distribution of a blend, as in mixup's experiments on ImageNet.
_ALPHA = 0.2


def has_patches(recipe: Recipe) -> bool:
    """Whether a recipe has Cutout, CutMix or mixup.

    >>> has_patches(Recipe()), has_patches(Recipe(cutmix=0.5))
    (False, True)
    """
    return recipe.cutout is not None or mixes(recipe)


def mixes(recipe: Recipe) -> bool:
    """Whether a recipe gives images a part of another image and of its label.

    >>> mixes(Recipe(cutout=8)), mixes(Recipe(mixup=1.0))
    (False, True)
    """
    return recipe.cutmix is not None or recipe.mixup is not None


def draw_patches(recipe: Recipe, step: int, size: Size) -> Tensor:
    """Return the random choices of a step's patches, int64: centres of squares, a rectangle, and a blend.

    >>> draw_patches(Recipe(batch_size=2, cutout=4), 0, (8, 8)).shape
    torch.Size([4])

    For Cutout, these are the rows of all centres and then the columns, with every pixel equally likely. For
    CutMix, they are top, bottom, left and right, all 0 in a step that exchanges nothing. The share of the image
    that is kept is uniform, and the rectangle has the image's proportions and its centre anywhere, cut off at the
    edges. For mixup, it is the share that is kept, in 65,536 parts; it is all of them in a step that blends
    nothing or exchanges a rectangle. Sources: DeVries and Taylor, "Improved Regularization of Convolutional
    Neural Networks with Cutout", 2017; Yun et al., "CutMix", ICCV 2019, with its alpha of 1; Zhang et al.,
    "mixup", ICLR 2018, with an alpha of 0.2.
    """
    height, width = size
    parts = [torch.zeros(0, dtype=torch.int64)]
    if recipe.cutout is not None:
        tiles, draw = recipe.batch_size * recipe.tiles_per_image, generator(recipe.seed, "cutout", step)
        parts += [torch.randint(side, (tiles,), generator=draw) for side in (height, width)]
    exchanged = False
    if recipe.cutmix is not None:
        rectangle = _rectangle(recipe.cutmix, height, width, generator(recipe.seed, "cutmix", step))
        parts.append(rectangle)
        exchanged = bool(rectangle.any())
    if recipe.mixup is not None:
        kept = _kept(recipe.mixup, generator(recipe.seed, "mixup", step))
        parts.append(torch.tensor([PARTS if exchanged else kept]))
    return torch.cat(parts)


def _kept(share: float, draw: torch.Generator) -> int:
    from scipy.special import betaincinv

    mixes_now, place = torch.rand(2, generator=draw, dtype=torch.float64).tolist()
    return round(PARTS * float(betaincinv(_ALPHA, _ALPHA, place))) if mixes_now < share else PARTS


def _rectangle(share: float, height: int, width: int, draw: torch.Generator) -> Tensor:
    mixes, kept = torch.rand(2, generator=draw, dtype=torch.float64).tolist()
    row, column = (int(torch.randint(side, (1,), generator=draw)) for side in (height, width))
    if mixes >= share:
        return torch.zeros(SIDES, dtype=torch.int64)
    reach = 0.5 * (1 - kept) ** 0.5
    tall, wide = int(reach * height), int(reach * width)
    ends = (max(row - tall, 0), min(row + tall, height), max(column - wide, 0), min(column + wide, width))
    return torch.tensor(ends)


def patch(
    batch: Batch, drawn: Tensor, recipe: Recipe, fill: Tensor, *, rank: int = 0, world: int = 1
) -> Batch:
    """Return a step's batch with the patches that `draw_patches` drew for it, on the batch's device.

    >>> batch = Batch(torch.full((2, 1, 3, 8, 8), 9, dtype=torch.uint8), torch.tensor([0, 1]))
    >>> recipe = Recipe(batch_size=2, cutout=4)
    >>> erased = patch(batch, torch.tensor([4, 0, 4, 0]), recipe, torch.zeros(3, dtype=torch.uint8))
    >>> (erased.tiles == 0).sum((1, 2, 3, 4)).tolist()
    [48, 12]

    Squares are erased in `fill`, uint8 (3,). Each image gets the rectangle of the image before it in the batch,
    or is blended with that image as a whole. The label of that image is then in `partners`, and `kept` is the
    share of the image that is its own. If `world` processes share a batch, the one numbered `rank` has every
    `world`-th image.
    """
    images, many = batch.tiles.shape[:2]
    if recipe.cutout is not None:
        centres = drawn[: 2 * images * world * many].reshape(2, images * world, many)[:, rank::world]
        batch = replace(batch, tiles=_erased(batch.tiles, centres, recipe.cutout, fill))
    if recipe.mixup is not None:
        drawn, kept = drawn[:-1], drawn[-1] / PARTS
        batch = _blended(batch, kept)
    if recipe.cutmix is not None:
        batch = _mixed(batch, drawn[-SIDES:])
    return batch


def _erased(tiles: Tensor, centres: Tensor, side: int, fill: Tensor) -> Tensor:
    first = centres - side // 2
    rows, columns = (
        _within(length, start, start + side) for length, start in zip(tiles.shape[-2:], first, strict=True)
    )
    inside = rows[..., :, None] & columns[..., None, :]
    return torch.where(inside[:, :, None], fill[:, None, None], tiles)


def _blended(batch: Batch, kept: Tensor) -> Batch:
    own = batch.tiles.float()
    return replace(
        batch,
        tiles=torch.lerp(own.roll(1, 0), own, kept).round().to(torch.uint8),
        partners=batch.labels.roll(1, 0),
        kept=kept,
    )


def _mixed(batch: Batch, rectangle: Tensor) -> Batch:
    top, bottom, left, right = rectangle
    height, width = batch.tiles.shape[-2:]
    inside = _within(height, top, bottom)[:, None] & _within(width, left, right)
    return replace(
        batch,
        tiles=torch.where(inside, batch.tiles.roll(1, 0), batch.tiles),
        partners=batch.labels.roll(1, 0),
        # In a step that exchanges nothing, images may be blended.
        kept=(1 if batch.kept is None else batch.kept) - (bottom - top) * (right - left) / (height * width),
    )


def _within(length: int, start: Tensor, end: Tensor) -> Tensor:
    places = torch.arange(length, device=start.device)
    return (places >= start[..., None]) & (places < end[..., None])
