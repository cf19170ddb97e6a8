"""BatchNorm statistics re-estimated on images other than a network was trained on: whole ones, or single tiles."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nearsight.data import ImageSet
from nearsight.errors import InputError, first_line
from nearsight.evidence import TiledModel
from nearsight.models import Classifier, Preprocessing
from nearsight.shortage import is_shortage

REESTIMATION_IMAGES = 10_240
REESTIMATION_BATCH = 256


def _as_they_are(batch: Tensor) -> Tensor:
    return batch


def has_batch_norm(network: nn.Module) -> bool:
    """Say whether a network has BatchNorm, whose statistics could be re-estimated.

    >>> has_batch_norm(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))), has_batch_norm(nn.ReLU())
    (True, False)
    """
    return any(isinstance(module, _BatchNorm) for module in network.modules())


def reestimate_batch_norm(
    bound: TiledModel,
    images: ImageSet,
    *,
    shown: Callable[[Tensor], Tensor] = _as_they_are,
    most: int = REESTIMATION_IMAGES,
) -> TiledModel:
    """Return a classifier bound in the same way, with the BatchNorm statistics of training images.

    A network trained on tiles keeps the statistics of tiles, of which padding is a larger share than of whole
    images; for one trained on whole images it is the other way round. The weights stay. At most `most` images,
    drawn from the set with a fixed seed, pass in batches of 256, or of as many as the bound takes at once, each
    batch with equal weight. Images of different sizes are cut to the central square of `resize_short`. `shown`
    takes a batch of whole images, float (B, 3, H, W) in the network's input form, and returns what the network
    sees: by default all of it.

    Raises `InputError` for a model that is not a classifier or has no BatchNorm, and if sizes differ and nothing
    resizes them.
    """
    if not isinstance(bound.model, Classifier):
        raise InputError("only a Classifier says how training images are prepared; leave `reestimate` out")
    copied = copy.deepcopy(bound.model).to(bound.device).eval()
    preprocessing = copied.preprocessing
    norms = [module for module in copied.modules() if isinstance(module, _BatchNorm)]
    if not has_batch_norm(copied):
        raise InputError(
            "the network has no BatchNorm whose statistics could be re-estimated; leave `reestimate` out"
        )
    order = np.random.default_rng(0).permutation(len(images))[:most]
    square = _square(images, preprocessing)
    first = _whole(images, int(order[0]), preprocessing, square)
    together = min(REESTIMATION_BATCH, bound.together(first))
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    # Parts of nearly equal size, because the cumulative average weighs every batch alike.
    for part in np.array_split(order, -(-len(order) // together)):
        batch = torch.stack([_whole(images, int(i), preprocessing, square) for i in part]).to(bound.device)
        try:
            with torch.no_grad():
                copied(shown(preprocessing.normalise(batch)))
        except Exception as error:
            if is_shortage(error):
                raise
            # At a size that it does not accept, a model may raise anything.
            height, width = batch.shape[2:]
            raise InputError(
                f"the model fails on whole training images of {height}×{width} pixels, with "
                f"{type(error).__name__}: {first_line(error)}; leave `reestimate` out"
            ) from error
    return bound.with_model(copied.eval())


def _square(images: ImageSet, preprocessing: Preprocessing) -> int | None:
    if preprocessing.crop is not None or (images.sizes == images.sizes[0]).all():
        return None
    if preprocessing.resize_short is None:
        raise InputError(
            f"re-estimation passes whole images in batches, but those of {images.name} {images.split} "
            "differ in size; leave `reestimate` out, or take a classifier trained with `resize_short`"
        )
    return preprocessing.resize_short


def _whole(images: ImageSet, i: int, preprocessing: Preprocessing, square: int | None) -> Tensor:
    image = preprocessing.cut_whole(preprocessing.resize(images.image(i)))
    if square is None:
        return image
    top, left = (image.shape[1] - square) // 2, (image.shape[2] - square) // 2
    return image[:, top : top + square, left : left + square]
