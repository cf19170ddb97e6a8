"""Whole images through a classifier, once each; and BatchNorm statistics re-estimated for it."""

import copy
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evidence import fitting_batch, forward
from nearsight.models import Classifier

REESTIMATION_IMAGES = 10_240
REESTIMATION_BATCH = 256


def full_pass(
    classifier: Classifier, images: Sequence[Tensor], memory: int, fitting: dict[torch.Size, int]
) -> NDArray[np.float32]:
    """Return the logits of whole images, float32 of shape (images, classes).

    `images` are float (3, H, W) of any sizes, on the classifier's device, which sees the middle of each where its
    preprocessing has a `crop`. Those of one size go through
    together, as many as `memory` bytes take; `fitting` keeps that number for each size between calls.
    """
    images = [classifier.preprocessing.cut_whole(image) for image in images]
    by_size: dict[torch.Size, list[int]] = defaultdict(list)
    for number, image in enumerate(images):
        by_size[image.shape].append(number)
    logits = np.empty((len(images), len(classifier.classes)), dtype=np.float32)
    for size, numbers in by_size.items():
        if len(numbers) > 1 and size not in fitting:
            fitting[size] = _fitting(classifier, images[numbers[0]], memory)
        step = fitting.get(size, 1)
        for start in range(0, len(numbers), step):
            some = numbers[start : start + step]
            batch = torch.stack([images[number] for number in some])
            batch = batch.contiguous(memory_format=torch.channels_last)
            logits[some] = forward(classifier, batch).cpu().numpy()
    return logits


def reestimate_batch_norm(classifier: Classifier, images: ImageSet, memory: int) -> Classifier:
    """Return a copy of a classifier whose BatchNorm statistics are those of whole training images.

    A net trained on tiles keeps the statistics of tiles, of which padding is a larger share than of whole
    images. The weights stay. Up to 10,240 images, drawn from the set by a fixed seed, pass in batches of 256,
    or of as many as `memory` bytes take, each batch with equal weight. Images of different sizes are cut to
    the central square of `resize_short`.

    Raises `InputError` where there is no BatchNorm, and where sizes differ and nothing resizes them.
    """
    copied = copy.deepcopy(classifier).eval()
    norms = [module for module in copied.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        raise InputError(
            "the network has no BatchNorm whose statistics could be re-estimated; leave `reestimate` out"
        )
    device = next(copied.parameters()).device
    order = np.random.default_rng(0).permutation(len(images))[:REESTIMATION_IMAGES]
    square = _square(images, copied)
    first = _whole(images, int(order[0]), copied, square)
    most = min(REESTIMATION_BATCH, _fitting(copied, copied.preprocessing.normalise(first.to(device)), memory))
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    # Parts of nearly equal size, because the cumulative average weighs every batch alike.
    for part in np.array_split(order, -(-len(order) // most)):
        batch = torch.stack([_whole(images, int(i), copied, square) for i in part]).to(device)
        with torch.no_grad():
            copied(copied.preprocessing.normalise(batch))
    return copied.eval()


def _fitting(classifier: Classifier, image: Tensor, memory: int) -> int:
    return fitting_batch(lambda batch: forward(classifier, batch), image, memory, seen=True)


def _square(images: ImageSet, classifier: Classifier) -> int | None:
    if classifier.preprocessing.crop is not None or (images.sizes == images.sizes[0]).all():
        return None
    if classifier.preprocessing.resize_short is None:
        raise InputError(
            f"re-estimation passes whole images in batches, but those of {images.name} {images.split} "
            "differ in size; leave `reestimate` out, or take a classifier trained with `resize_short`"
        )
    return classifier.preprocessing.resize_short


def _whole(images: ImageSet, i: int, classifier: Classifier, square: int | None) -> Tensor:
    image = classifier.preprocessing.cut_whole(classifier.preprocessing.resize(images.image(i)))
    if square is None:
        return image
    top, left = (image.shape[1] - square) // 2, (image.shape[2] - square) // 2
    return image[:, top : top + square, left : left + square]
