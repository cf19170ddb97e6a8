"""A quick sign of progress while a run trains."""

from typing import cast

import torch
from torch import Tensor, nn

from nearsight.launch import Launch
from nearsight.tiles import cut_tiles
from nearsight.together import Processes
from nearsight.training.batches import resized_image
from nearsight.training.job import Job

VALIDATION_IMAGES = 2000
# In batches that are the same on any number of processes.
VALIDATION_BATCH = 125


@torch.no_grad()
def validation_accuracy(job: Job) -> float | None:
    """Return the accuracy on one central tile of each validation image; in the full arm, on the whole image.

    It is a quick sign of progress over at most 2,000 images, in [0, 1], higher is better; nothing is chosen by
    it. Each process of the training evaluates its share with the weights of the first, and all return the same.
    """
    if "val" not in job.sets:
        return None
    images, average = job.sets["val"], job.state.average
    network = job.classifier.network if average is None else average
    fabric = job.fabric
    _as_the_first_has_them(network, fabric.world_size)
    preprocessing, (height, width) = job.classifier.preprocessing, job.sizes.last
    count = min(len(images), VALIDATION_IMAGES)
    chosen = torch.linspace(0, len(images) - 1, count).long().tolist()
    training = network.training
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=fabric.device)
    own = Processes(Launch(fabric.global_rank, fabric.world_size)).share(count, VALIDATION_BATCH)
    for begin in own[::VALIDATION_BATCH]:
        rows = chosen[begin : min(begin + VALIDATION_BATCH, own.stop)]
        tiles = []
        for row in rows:
            full = images.sizes[row]
            if not preprocessing.resizes and full.min() > max(height, width):
                top, left = (int(full[0]) - height) // 2, (int(full[1]) - width) // 2
                tiles.append(images.tile(row, top, left, (height, width))[None])
                continue
            image = resized_image(images, row, preprocessing)[None]
            top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
            where = torch.zeros(1, dtype=torch.int64)
            tiles.append(cut_tiles(image, where, where + top, where + left, (height, width)))
        batch = preprocessing.normalise(torch.cat(tiles).to(fabric.device))
        with fabric.autocast():
            outputs = network(batch.contiguous(memory_format=torch.channels_last))
        logits = outputs[:, : len(images.classes)]
        right += (logits.argmax(1) == torch.from_numpy(images.labels[rows]).to(fabric.device)).sum()
    network.train(training)
    return int(cast(Tensor, fabric.all_reduce(right, reduce_op="sum"))) / count


def _as_the_first_has_them(network: nn.Module, processes: int) -> None:
    """Give a network the buffers of the first process: BatchNorm's are of each process's own part of a batch."""
    if processes > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, 0)
