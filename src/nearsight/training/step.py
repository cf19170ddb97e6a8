"""One optimizer step, from top to bottom: tiles in, weights changed, losses summed on the device."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.models.several_tiles import pooled_logits
from nearsight.models.small_grids import small_grids_as_products
from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size
from nearsight.training.augmentation import Augmentation
from nearsight.training.batches import Batch, StreamedTiles, is_whole, resized_pixels, streamed_batches
from nearsight.training.job import Job
from nearsight.training.memory_tiles import MemoryTiles, sent
from nearsight.training.objective import GROUP_STEP, image_losses, worst_group_loss
from nearsight.training.patches import draw_patches, has_patches, patch


class Step:
    """The step of a run: what every step is given (`inputs`), and what it does with it (a call).

    `network` and `optimizers` are Fabric's. A set in memory is whole on the device, and a step is given the
    random choices of its tiles. For a streaming set it is given the tiles, and also for images that are
    augmented, which happens before the step. The processor waits for nothing from the device, so that a call can
    be captured and replayed (`Replay`).
    """

    def __init__(self, job: Job, network: Any, optimizers: list[Any]) -> None:
        self._job, self._network, self._optimizers = job, network, optimizers
        material, preprocessing, device = job.material, job.classifier.preprocessing, job.fabric.device
        images, silent, groups = material.images, material.silent, material.groups
        self._weights = class_weights(images, job.recipe, device)
        # Erased areas have the mean colour of the training images, which the network sees as 0.
        self._fill = torch.tensor(preprocessing.mean, device=device).mul(255).round().to(torch.uint8)
        self._marks = {"silent": silent is not None, "groups": groups is not None}
        self._augmentation = Augmentation(job.recipe, preprocessing.mean)
        self._tiles: MemoryTiles | StreamedTiles
        if images.pixels is not None:
            pixels = resized_pixels(images.pixels, preprocessing).to(device)
            labels = torch.from_numpy(images.labels).to(device)
            self._tiles = MemoryTiles(pixels, labels, job.recipe, job.sizes, silent=silent, groups=groups)
        else:
            self._tiles = StreamedTiles(
                images, job.recipe, job.sizes, preprocessing, silent=silent, groups=groups
            )

    def inputs(self, start: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the tensors with which each step from `start` on is called, on the device."""
        job, fabric = self._job, self._job.fabric
        patches: Iterator[tuple[Tensor, ...]] = repeat(())
        if has_patches(job.recipe):
            patches = ((drawn,) for drawn in sent(self._draw_patches, start, job.steps, fabric.device))
        if isinstance(self._tiles, MemoryTiles):
            for step, drawn in enumerate(self._tiles.draws(start, job.steps), start):
                given = self._augmented(step, drawn).tensors() if self._augmentation.changes else (drawn,)
                yield (*next(patches), *given)
            return
        workers, ranks = job.machine.decoding_workers(), (fabric.global_rank, fabric.world_size)
        for batch in streamed_batches(self._tiles, job.recipe.batch_size, start, job.steps, workers, *ranks):
            sent_on = (tensor.to(fabric.device, non_blocking=True) for tensor in batch.tensors())
            yield (*next(patches), *sent_on)

    def __call__(self, size: Size, *inputs: Tensor) -> None:
        """Take the step on tiles of one size, height and width, and the tensors that `inputs` gave for it."""
        job, recipe, network = self._job, self._job.recipe, self._network
        state, fabric = job.state, job.fabric

        # The batch's images, cut into tiles: uint8 (B, tiles per image, 3, h, w) and labels (B,).
        batch = self._cut(size, inputs)

        # No gradient is left. This is done here and not after the step: what a failed capture left must not
        # count.
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)

        # Forward and backward, in as many parts as the recipe says; an image's logits are made from those of its
        # tiles.
        parts = batch.chunks(recipe.accumulate)
        for number, part in enumerate(parts, 1):
            images = job.classifier.preprocessing.normalise(part.tiles.flatten(0, 1))
            images = images.contiguous(memory_format=torch.channels_last)
            with fabric.no_backward_sync(network, enabled=number < len(parts)):
                with small_grids_as_products(fabric.device, job.choice.dtype):
                    outputs = network(images).float().unflatten(0, part.tiles.shape[:2])
                logits = self._pooled(outputs)
                if state.group_weights is None:
                    loss = self._sum_of_losses(logits, part)
                    fabric.backward(loss / _weight(batch.labels, self._weights))
                    mean = loss.detach() / _weight(part.labels, self._weights)
                else:
                    loss = self._worst_group_loss(logits, part, state.group_weights, len(parts))
                    fabric.backward(loss / len(parts))
                    mean = loss.detach()
            count(state.running, mean, logits.detach(), part.labels)

        # The gradient is clipped. Fabric clips each optimizer's parameters separately; the norm meant here is
        # that of all.
        if recipe.clip is not None:
            groups = [group for optimizer in state.optimizers for group in optimizer.param_groups]
            trained = [parameter for group in groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(trained, recipe.clip)

        # The weights change, and their average with them.
        for optimizer in self._optimizers:
            optimizer.step()
        if state.average is not None:
            state.average.update_parameters(job.classifier.network)  # type: ignore[operator]

    def _pooled(self, outputs: Tensor) -> Tensor:
        """Return the logits of images (B, classes) from the network's output for their tiles, (B, tiles, …)."""
        attention = None
        if self._job.classifier.architecture.attention:
            outputs, attention = outputs[..., :-1], outputs[..., -1]
        return pooled_logits(self._job.recipe.pooled, outputs, attention)

    def _sum_of_losses(self, logits: Tensor, part: Batch) -> Tensor:
        if part.silent is not None:
            return self._losses(logits, part).sum()
        own = self._sum_of_entropies(logits, part.labels)
        if part.partners is None or part.kept is None:
            return own
        return part.kept * own + (1 - part.kept) * self._sum_of_entropies(logits, part.partners)

    def _sum_of_entropies(self, logits: Tensor, labels: Tensor) -> Tensor:
        # PyTorch's own mean, with weights and smoothing, waits for a GPU.
        smoothing = self._job.recipe.label_smoothing
        return F.cross_entropy(
            logits, labels, weight=self._weights, label_smoothing=smoothing, reduction="sum"
        )

    def _draw_patches(self, step: int) -> Tensor:
        return draw_patches(self._job.recipe, step, self._job.sizes.at(step))

    def _worst_group_loss(self, logits: Tensor, part: Batch, group_weights: Tensor, parts: int) -> Tensor:
        # A part has its own losses, so it moves the weights of the groups by its part of a step.
        assert part.groups is not None
        shares = None if self._weights is None else self._weights[part.labels]
        losses, step = self._losses(logits, part), GROUP_STEP / parts
        return worst_group_loss(losses, part.groups, group_weights, shares=shares, step=step)

    def _losses(self, logits: Tensor, part: Batch) -> Tensor:
        smoothing = self._job.recipe.label_smoothing
        return image_losses(
            logits, part.labels, weights=self._weights, smoothing=smoothing, silent=part.silent
        )

    def _own_part(self, batch: Batch) -> Batch:
        fabric = self._job.fabric
        return batch.part_of(fabric.global_rank, fabric.world_size) if fabric.world_size > 1 else batch

    def _augmented(self, step: int, drawn: Tensor) -> Batch:
        """Return the tiles of a set in memory as augmented bytes, cut where the set is, before the step."""
        job, augmentation = self._job, self._augmentation
        assert isinstance(self._tiles, MemoryTiles)
        size, many = job.sizes.at(step), job.recipe.tiles_per_image
        batch = self._own_part(self._tiles.cut(drawn, size))
        first, apart = step * job.recipe.batch_size + job.fabric.global_rank, job.fabric.world_size
        changed = []
        for position, tiles in enumerate(batch.tiles):
            position = first + position * apart
            if augmentation.cuts and is_whole(job.recipe, size, job.sizes):
                parts = enumerate(tiles.split(1), position * many)
                tiles = torch.cat([augmentation.cut(part, size, place) for place, part in parts])
            changed.append(augmentation.recolour(tiles, position))
        return replace(batch, tiles=torch.stack(changed))

    def _cut(self, size: Size, inputs: tuple[Tensor, ...]) -> Batch:
        recipe, rank, world = self._job.recipe, self._job.fabric.global_rank, self._job.fabric.world_size
        patches, inputs = (inputs[0], inputs[1:]) if has_patches(recipe) else (None, inputs)
        if isinstance(self._tiles, StreamedTiles) or self._augmentation.changes:
            batch = Batch.of(inputs, **self._marks)
        else:
            (drawn,) = inputs
            batch = self._own_part(self._tiles.cut(drawn, size))
        if patches is None:
            return batch
        return patch(batch, patches, recipe, self._fill, rank=rank, world=world)


def class_weights(images: ImageSet, recipe: Recipe, device: torch.device) -> Tensor | None:
    """Return the weight of each class in the loss, float (classes,), or None when all weigh the same.

    A balanced weight is images / (classes × images of the class), 0 for a class without images.
    """
    if recipe.class_weights == "none":
        return None
    counts = torch.bincount(torch.from_numpy(images.labels), minlength=len(images.classes))
    weights = len(images) / (len(images.classes) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 0.0).to(device, torch.float32)


def _weight(labels: Tensor, weights: Tensor | None) -> Tensor | int:
    """Return the divisor of the sum of some images' losses: their weights, or their number."""
    return len(labels) if weights is None else weights[labels].sum()


def count(running: Tensor, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
    """Add a batch to the sums since the last row of metrics, in place and without waiting for the device.

    `running` holds the loss and the right answers, each summed over images, the number of images, and how many of
    these there were when the loss was first not finite, 0 until then.
    """
    running[0] += loss.to(running.dtype) * len(labels)
    running[1] += (logits.argmax(1) == labels).sum()
    running[2] += len(labels)
    bad = ~torch.isfinite(loss) & (running[3] == 0)
    running[3] = torch.where(bad, running[2], running[3])


def first_bad_step(sums: Sequence[float], done: int, images: int) -> int | None:
    """Return the first step whose loss was not finite, None if all are.

    >>> first_bad_step([float("nan"), 3.0, 40.0, 20.0], done=7, images=10)
    5

    `sums` are those of `count` steps after `done` steps, with `images` images each.
    """
    _, _, seen, bad = sums
    return done - int((seen - bad) // images) if bad else None
