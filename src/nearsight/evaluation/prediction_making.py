"""From a bound model and images to the table of their predictions, in memory or part by part on disk."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path, PurePath

import torch

from nearsight.data.unlabelled import Unlabelled
from nearsight.errors import InputError
from nearsight.evaluation.chunks import BLOCK, as_looked_at
from nearsight.evaluation.earlier_rows import check_earlier_rows
from nearsight.evaluation.expected import expected_cost, say_cost
from nearsight.evaluation.parted_table import PartedTable
from nearsight.evaluation.predicting import Scored, predicting_protocol, scored
from nearsight.evaluation.prediction_rows import prediction_rows
from nearsight.evaluation.predictions import Predictions
from nearsight.evaluation.rows_kept import RowsKept, rows_kept
from nearsight.evidence import Cost, EvidenceMap, TiledModel
from nearsight.lock import writing_parts
from nearsight.numbers import agreeing, counted, whole
from nearsight.progress import SILENT, Progress
from nearsight.settings.choices import DEFAULT_GRID
from nearsight.settings.prediction_words import DEFAULT_TOP, columns_of
from nearsight.settings.protocols import FULL_PASS, TOP_K, WHOLE, scored_by
from nearsight.together import ONE_PROCESS, Processes

# A part of a table is written when it has this many rows, or this many seconds after the last.
PART_ROWS = 2000
PART_SECONDS = 20.0


def make_predictions(
    bound: TiledModel,
    images: Unlabelled,
    *,
    model: str = "",
    protocol: str | None = None,
    top: int = DEFAULT_TOP,
    out: str | Path | None = None,
    maps: str | Path | None = None,
    resume: bool = False,
    workers: int = 0,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> Predictions:
    """Return a row of predictions for each image, and leave them in the file `out` if one is given.

    >>> import numpy as np
    >>> from nearsight.data.unlabelled import unlabelled
    >>> from nearsight.models import Classifier
    >>> red = unlabelled([np.full((6, 6, 3), (255, 0, 0), np.uint8)])
    >>> by_colour = Classifier.of(lambda tiles: tiles.mean((2, 3)), tile=4, classes="red,green,blue")
    >>> make_predictions(TiledModel(by_colour), red, model="toy").table["class"].to_pylist()
    ['red']

    `model` is for the reader. If there are several `processes`, each predicts its share of the images and writes
    their maps, the first writes the table, and all return the same. `nearsight.predict` explains the others, and
    raises what this does.
    """
    import pyarrow

    protocol = predicting_protocol(bound, protocol)
    if maps is not None and bound.tile is None:
        raise InputError("`maps` needs a tile, as evidence is of tiles; give one, such as `tile=16`")
    if whole("top", top) < 1:
        raise InputError(f"top is a number of classes from 1 on, got {top}")
    if resume and out is None:
        raise InputError("`resume` continues a file; give that file as `out`")
    top = min(top, len(bound.classes))
    said = how_scored(bound, protocol, images.value_range)
    made_with = {
        "protocol": said,
        "model": model,
        "weights": _fingerprint(bound),
        "classes": list(bound.classes),
        "top": top,
        "maps": None if maps is None else str(maps),
        "skip_blank": bound.skip_blank,
        "value_range": images.value_range,
        "preprocessing": None if bound.preprocessing is None else asdict(bound.preprocessing),
    }
    as_rows = partial(
        prediction_rows, images, classes=bound.classes, protocol=protocol, said=said, model=model, top=top
    )
    file = (
        None if out is None else PartedTable(Path(out), columns_of(top, mapped=maps is not None), made_with)
    )
    with writing_parts(None if file is None else file.directory, progress):
        paths = images.paths()

        def begin() -> tuple[list[Path], RowsKept]:
            before = [] if file is None else file.begin(resume=resume)
            kept = rows_kept(paths, {} if file is None else file.done(before), images.digest)
            if before:
                check_earlier_rows(
                    before[0],
                    kept.numbers,
                    lambda some: as_rows(list(scored(bound, images, some, protocol=protocol))),
                )
            return before, kept

        before, kept = next(filter(None, processes.each(lambda: begin() if processes.first else None)))
        numbers = kept.missing
        if len(numbers) < len(images):
            progress.say(
                f"{len(images) - len(numbers):,} of {counted(len(images), 'image')} "
                f"{agreeing(len(images) - len(numbers), 'is', 'are')} predicted already"
            )
        if kept.dropped:
            count = len(kept.dropped)
            progress.say(
                f"{counted(count, 'earlier row')} {agreeing(count, 'is', 'are')} of "
                f"{agreeing(count, 'an image', 'images')} that {agreeing(count, 'was', 'were')} replaced since, and "
                f"{agreeing(count, 'is', 'are')} dropped"
            )
        if kept.untold:
            progress.warn(
                f"{counted(kept.untold, 'row')} of an older version {agreeing(kept.untold, 'does', 'do')} not say of "
                "which content the image was, so an image that was replaced since keeps its row"
            )
        places = None if maps is None else _map_files(Path(maps), paths)
        held: list[pyarrow.Table] = []
        rows = faults = 0
        waiting: list[Scored] = []

        def save_map(number: int, evidence_map: EvidenceMap) -> None:
            if places is not None:
                evidence_map.save(places[number])

        def flush() -> None:
            nonlocal rows, faults
            if not waiting:
                return
            if file is None or processes.first:
                table = as_rows(
                    waiting,
                    maps=None
                    if places is None
                    else [places[one.number] if one.fault is None else None for one in waiting],
                )
                if file is None:
                    held.append(table)
                else:
                    file.write(table)
            rows += len(waiting)
            faults += sum(one.fault is not None for one in waiting)
            waiting.clear()

        last = time.monotonic()
        try:
            rounds = processes.rounds(len(numbers), BLOCK)
            dealt = [numbers[place] for some in rounds for place in some]
            if progress is not SILENT:
                cost = _cost(bound, images, dealt, protocol, mapped=maps is not None, workers=workers)
                say_cost(progress, "predicting", len(dealt), cost)
            own = scored(
                bound,
                images,
                dealt,
                protocol=protocol,
                workers=workers,
                observe=None if places is None else save_map,
            )
            for one in _of_all(processes, own, rounds):
                waiting.append(one)
                progress.count("predicting images", rows + len(waiting), len(numbers))
                if len(waiting) >= PART_ROWS or time.monotonic() - last > PART_SECONDS:
                    flush()
                    last = time.monotonic()
        except BaseException as error:
            flush()
            if isinstance(error, KeyboardInterrupt) and file is not None:
                error.args = (
                    f"interrupted; {counted(rows, 'more image')} {agreeing(rows, 'is', 'are')} kept in "
                    f"{file.directory}: continue with `resume=True`",
                )
            raise
        flush()
        if faults:
            progress.warn(
                f"{faults:,} of {counted(len(images), 'image')} {agreeing(faults, 'has', 'have')} no "
                "prediction; the column fault says why"
            )
        settings = {**made_with, "images": len(images), "faults": faults}
        if file is None:
            return Predictions(settings, held=pyarrow.concat_tables(held))
        processes.first_does(lambda: file.finish(before, kept.dropped))
        return Predictions(settings, file.path)


def _cost(
    bound: TiledModel,
    images: Unlabelled,
    numbers: Sequence[int],
    protocol: str,
    *,
    mapped: bool,
    workers: int,
) -> Cost | None:
    whole = protocol == FULL_PASS and not mapped
    return expected_cost(
        bound,
        len(numbers),
        lambda place: as_looked_at(images.image(numbers[place]), bound.preprocessing),
        passes=[bound] if whole else [],
        of_tiles=None if whole else bound.cost,
        workers=workers,
    )


def _of_all(processes: Processes, own: Iterator[Scored], rounds: Sequence[range]) -> Iterator[Scored]:
    """Yield what all processes score, in the order of the images; what one alone scores as it comes."""
    if processes.launch.processes == 1:
        yield from own
        return
    for dealt in rounds:
        for found in processes.each(partial(_next, own, len(dealt))):
            yield from found


def _next(scored: Iterator[Scored], count: int) -> list[Scored]:
    return list(islice(scored, count))


def how_scored(bound: TiledModel, protocol: str, value_range: tuple[float, float] | None = None) -> str:
    """Say how a bound model's predictions are made: protocol, tile, stride, and all that is not as usual.

    >>> how_scored(TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, grid="aligned"), "vote", (0, 4095))
    'vote, tile 4, stride 1, aligned grid, values 0 to 4095'

    That is the grid, blank tiles that are skipped, and a `value_range` other than that of the model's training.
    """
    said = scored_by(protocol, bound.tile, bound.stride)
    if protocol == TOP_K:
        said = said.replace(TOP_K, f"{TOP_K} of {bound.pooling.words}", 1)
    if protocol not in WHOLE:
        said += "" if bound.grid == DEFAULT_GRID else f", {bound.grid} grid"
        said += "" if bound.skip_blank is None else f", blank tiles up to {bound.skip_blank} skipped"
    own = None if bound.preprocessing is None else bound.preprocessing.value_range
    if value_range not in (None, own):
        low, high = value_range
        said += f", values {low:g} to {high:g}"
    return said


def _map_files(directory: Path, paths: Sequence[str]) -> list[str]:
    """Name the file of each image's map: the image's path below the directories that all images share."""
    parts = [[part for part in PurePath(path).parts if part not in ("/", "..")] for path in paths]
    least, most = min(parts), max(parts)
    shared = 0
    while shared < min(len(least), len(most)) - 1 and least[shared] == most[shared]:
        shared += 1
    found: list[str] = []
    taken: set[str] = set()
    for each in parts:
        name = own = "/".join(each[shared:]) or "image"
        number = 1
        while own in taken:
            number += 1
            own = f"{name}-{number}"
        taken.add(own)
        found.append(str(directory / f"{own}.safetensors"))
    return found


def _fingerprint(bound: TiledModel) -> str:
    """Return what identifies a model's weights; nothing if it has none."""
    if not isinstance(bound.model, torch.nn.Module):
        return ""
    digest = sha256()
    for name, values in bound.model.state_dict().items():
        digest.update(name.encode())
        if isinstance(values, torch.Tensor):
            digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
