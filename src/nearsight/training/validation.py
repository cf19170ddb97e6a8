"""A quick sign of progress while a run trains."""

import torch

from nearsight.tiles import cut_tiles
from nearsight.training.batches import resized_image
from nearsight.training.job import Job

VALIDATION_IMAGES = 2000
VALIDATION_BATCH = 500


@torch.no_grad()
def validation_accuracy(job: Job) -> float | None:
    """Return the accuracy on one central tile of each validation image; in the full arm, on the whole image.

    It is a quick sign of progress over at most 2,000 images, in [0, 1], higher is better; nothing is chosen by
    it.
    """
    if "val" not in job.sets:
        return None
    images, average = job.sets["val"], job.state.average
    network = job.classifier.network if average is None else average
    preprocessing, (height, width) = job.classifier.preprocessing, job.sizes.last
    count = min(len(images), VALIDATION_IMAGES)
    chosen = torch.linspace(0, len(images) - 1, count).long().tolist()
    training = network.training
    network.eval()
    right = 0
    for begin in range(0, count, VALIDATION_BATCH):
        rows = chosen[begin : begin + VALIDATION_BATCH]
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
        batch = preprocessing.normalise(torch.cat(tiles).to(job.fabric.device))
        with job.fabric.autocast():
            outputs = network(batch.contiguous(memory_format=torch.channels_last))
        logits = outputs[:, : len(images.classes)]
        right += int((logits.argmax(1).cpu() == torch.from_numpy(images.labels[rows])).sum())
    network.train(training)
    return right / count
