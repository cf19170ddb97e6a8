"""Diagnose a classifier."""

from pathlib import Path

from nearsight import diagnosis
from nearsight.data import ImageSet
from nearsight.diagnosis import Diagnosis
from nearsight.evidence import DEFAULT_MEMORY
from nearsight.models import Classifier
from nearsight.progress import Progress, watched
from nearsight.report import write_diagnosis
from nearsight.runs import Run
from nearsight.settings import FAITHFULNESS_IMAGES, GridKind, Machine
from nearsight.verbs.sources import find_classifier, load_sets, model_name, where


def diagnose(
    model: Run | Classifier | str | Path,
    data: str | Path | ImageSet | None = None,
    *,
    split: str = "test",
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = "covering",
    images: int | None = None,
    faithfulness: int = FAITHFULNESS_IMAGES,
    pretrained: bool = True,
    memory: int = DEFAULT_MEMORY,
    out: str | Path | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    progress: Progress | bool = True,
) -> Diagnosis:
    """Diagnose a classifier on a data set: what it uses, where it errs, whether it looks at the object.

    >>> import numpy as np
    >>> from nearsight.data import load
    >>> from nearsight.models import Architecture, Preprocessing
    >>> half = (0.5, 0.5, 0.5)
    >>> scenes = load("scenes")["test"].select(np.arange(6))
    >>> architecture = Architecture("airbench", classes=8, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, 16, Preprocessing(half, half))
    >>> diagnose(toy, scenes, stride=16, faithfulness=0).table("locality").columns[0]
    'tile'

    `model` is a run, a classifier, or the name of a network of timm, as for `heatmap`; a run needs no `data`. Of a
    set that is loaded, near-duplicates are looked for in its other splits. `images` examines so many, drawn
    at random; `faithfulness` is on how many of them the maps are checked, 0 for none. With `out`, the page is left
    there as report.html, with diagnosis.json and the tables as Parquet. With `progress` False nothing is
    shown; a `Progress` of yours is told instead. Raises `InputError` for bad input.
    """
    with watched(progress) as channel:
        others: dict[str, ImageSet] = {}
        if isinstance(data, ImageSet):
            examined = data
        else:
            sets = load_sets(model, data, skip_bad)
            for note in sets.notes:
                channel.say(note)
            examined = sets[split]
            others = {name: images for name, images in sets.items() if name != split}
        found = diagnosis.diagnose(
            find_classifier(model, tile, pretrained),
            examined,
            model=model_name(model),
            others=others,
            tile=tile,
            stride=stride,
            grid=grid,
            limit=images,
            faithfulness=faithfulness,
            memory=memory,
            progress=channel,
            **where(machine),
        )
    if out is not None:
        write_diagnosis(found, out)
    return found
