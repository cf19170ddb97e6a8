"""Measure the dimensions of a set's tiles."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

from nearsight.data import Data, image_sets
from nearsight.data.decode import allowed_pixels
from nearsight.dimension import Dimension, measure_dimension
from nearsight.lock import writing
from nearsight.progress import Progress, watched
from nearsight.report import write_dimension
from nearsight.settings import Machine, Reading, ReadingOptions, Sampling
from nearsight.shortage import tells_of_memory
from nearsight.signatures import takes_fields_of
from nearsight.stopping import continuing
from nearsight.together import all_processes
from nearsight.verbs.binding import Binding
from nearsight.verbs.sources import AnyModel


@takes_fields_of(Reading)
@tells_of_memory("measuring", "training_tiles", "test_images")
def dimension(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    tiles: Sequence[int | None] | None = None,
    comparison: str | Path | None = None,
    embedding: AnyModel | None = None,
    sampling: Sampling | None = None,
    out: str | Path | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[ReadingOptions],
) -> Dimension:
    """Measure the dimensions of a set's tiles, how well training tiles cover them, and what a bound predicts.

    >>> few = Sampling(training_tiles=300, test_images=20, points=100, pairs=20)
    >>> found = dimension("digits", tiles=[4, None], sampling=few)
    >>> found.table().index.tolist()
    ['4', 'full']

    Nothing is trained. `data` and `classes` are those of `train`. `tiles` are sides in pixels, None for whole
    images; by default they are fractions of the smallest side. All training images count: none are held out for
    validation. With `comparison`, a directory written by `compare`, the order of tile sizes that each measure
    predicts is shown next to the measured one. What several tiles of an image are worth in images is measured in
    pixels, and in the embedding of a model given by `embedding`. That network must not have been trained on these
    images, because it would make them seem nearer than others. With `out`, dimension.json, report.html, dimension.md
    and the figure are written there, and a call that is interrupted continues with the tile sizes that were measured.
    `progress=False` shows nothing; a `Progress` object gets the messages instead. Fields
    of `nearsight.settings.Reading` say how images are read. Raises `InputError` for bad input.
    """
    bound = None if embedding is None else Binding(machine=machine).bind(embedding, tiled=False)
    with (
        watched(progress) as channel,
        allowed_pixels(options.get("max_pixels")),
        writing(out, channel),
        all_processes() as processes,
    ):
        sets = image_sets(data, classes=classes, validation=0, progress=channel, **options)
        for note in sets.notes:
            channel.say(note)
        keep = None if out is None else Path(out) / "dimension.parts"
        with continuing(keep):
            found = measure_dimension(
                sets,
                tiles=tiles,
                comparison=comparison,
                embedding=bound,
                sampling=sampling,
                device=(machine or Machine()).torch_device(),
                keep=keep,
                processes=processes,
                progress=channel,
            )
            if out is not None and keep is not None:
                processes.first_does(partial(write_dimension, found, out))
                if processes.first:
                    shutil.rmtree(keep, ignore_errors=True)
    return found
