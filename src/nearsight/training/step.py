"""One optimizer step: a batch of tiles in, weights changed, losses counted on the device."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.models.small_grids import small_grids_as_products
from nearsight.training.batches import Batch
from nearsight.training.job import Job


class Step:
    """The step of a run, in which the processor waits for nothing that the device has to say.

    `network` and `optimizers` are Fabric's; `weights` are those of the classes in the loss, or None.
    """

    def __init__(self, job: Job, network: Any, optimizers: list[Any], weights: Tensor | None) -> None:
        self._session, self._network, self._optimizers, self._weights = job, network, optimizers, weights

    def __call__(self, batch: Batch) -> None:
        """Take the step on a batch that lies on the device."""
        job, recipe, network = self._session, self._session.recipe, self._network
        state, fabric = job.state, job.fabric
        # Here and not after the step: what a capture that failed has left must not count.
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        labels = batch.labels
        parts = list(zip(batch.tiles.chunk(recipe.accumulate), labels.chunk(recipe.accumulate), strict=True))
        for number, (part, wanted) in enumerate(parts, 1):
            images = job.classifier.preprocessing.normalise(part.flatten(0, 1))
            images = images.contiguous(memory_format=torch.channels_last)
            with fabric.no_backward_sync(network, enabled=number < len(parts)):
                with small_grids_as_products(fabric.device, job.choice.dtype):
                    logits = network(images).float().unflatten(0, part.shape[:2]).mean(1)
                # PyTorch's own mean, with weights and smoothing, waits for a GPU.
                loss = F.cross_entropy(
                    logits,
                    wanted,
                    weight=self._weights,
                    label_smoothing=recipe.label_smoothing,
                    reduction="sum",
                )
                fabric.backward(loss / _weight(labels, self._weights))
            count(state.running, loss.detach() / _weight(wanted, self._weights), logits.detach(), wanted)
        if recipe.clip is not None:
            # Fabric clips each optimizer's parameters apart; the norm meant is that of the whole gradient.
            groups = [group for optimizer in state.optimizers for group in optimizer.param_groups]
            trained = [parameter for group in groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
        for optimizer in self._optimizers:
            optimizer.step()
        if state.average is not None:
            state.average.update_parameters(job.classifier.network)  # type: ignore[operator]


def _weight(labels: Tensor, weights: Tensor | None) -> Tensor | int:
    """Return what the sum of the losses of some images is divided by: their weights, or their number."""
    return len(labels) if weights is None else weights[labels].sum()


def count(running: Tensor, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
    """Add a batch to the sums since the last row of metrics, in place and without waiting for the device.

    `running` holds the loss and the right answers, each summed over images, the images, and how many of these there
    were when the loss was first not finite, 0 as long as it is.
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

    `sums` are those of `count` after `done` steps of `images` images each.
    """
    _, _, seen, bad = sums
    return done - int((seen - bad) // images) if bad else None
