"""Problems that can be foreseen before the first step."""

import time

import numpy as np

from nearsight.data import ImageSet
from nearsight.errors import listed
from nearsight.numbers import agreeing, counted
from nearsight.progress import SILENT, Progress
from nearsight.settings import Recipe
from nearsight.training.training_run import total_steps

# Fewer steps than these teach a network little.
FEW_STEPS = 100
# Images that are judged later are read before training if that takes at most so long, as the first few tell.
READ_SECONDS, _TIMED = 60.0, 8


def early_warnings(recipe: Recipe, images: ImageSet) -> tuple[str, ...]:
    """Return what to warn of before a recipe is trained on images, one sentence each.

    >>> from nearsight.data import load
    >>> few = load("digits")["train"].select(np.arange(40))
    >>> early_warnings(Recipe(epochs=10, batch_size=128), few)[0]
    'a batch of 128 is larger than the training set of 40 images, so that 10 epochs are no more than 4 steps; give \
`batch_size=8` or less'

    It warns of a batch larger than the set, of a batch so large that few steps are left, and of classes with a single
    training image.
    """
    count, found = len(images), []
    steps = total_steps(recipe, count)
    fitting = 2 ** int(np.log2(max(count, 32) / 16))
    if recipe.batch_size > count:
        smaller = max(2, 2 ** int(np.log2(max(count, 4) / 4)))
        length = (
            ""
            if recipe.steps is not None
            else f", so that {recipe.epochs:g} epochs are no more than {counted(steps, 'step')}"
        )
        found.append(
            f"a batch of {recipe.batch_size:,} is larger than the training set of "
            f"{counted(count, 'image')}{length}; give "
            f"`batch_size={smaller}` or less"
        )
    elif recipe.steps is None and steps < FEW_STEPS and recipe.batch_size > 2 * fitting:
        found.append(
            f"{recipe.epochs:g} epochs of {counted(count, 'image')} in batches of {recipe.batch_size:,} are "
            f"only {steps:,} "
            f"steps, too few for most networks; give `batch_size={fitting}`, or more `epochs`"
        )
    single = np.flatnonzero(np.bincount(images.labels, minlength=len(images.classes)) == 1)
    if len(single):
        names = listed(images.classes[number] for number in single)
        found.append(
            f"{len(single):,} of {counted(len(images.classes), 'class', 'classes')} "
            f"{agreeing(len(single), 'has', 'have')} a single training image ({names}): "
            f"a network cannot learn a class from one image; add images, or leave these classes out"
        )
    return tuple(found)


def require_readable(images: ImageSet, progress: Progress = SILENT) -> None:
    """Raise for a damaged image that would be met only after training, by reading all of a set that takes a minute.

    >>> from nearsight.data import load
    >>> require_readable(load("digits")["test"])

    Images that are held in memory were read already. Of a larger set nothing is read; its evaluation finds what is
    damaged. `progress` is told how many are read. Raises `InputError`, which names the image.
    """
    if images.pixels is not None or not len(images):
        return
    begun = time.monotonic()
    for place in range(len(images)):
        images.looked_at(place)
        if (time.monotonic() - begun) / (place + 1) * len(images) > READ_SECONDS and place >= _TIMED:
            return
        progress.count(f"reading {images.split} images", place + 1, len(images))
