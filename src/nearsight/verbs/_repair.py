"""Take shortcuts away from a run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from nearsight.data import Data, ImageSet, ImageSets
from nearsight.data.decode import allowed_pixels
from nearsight.data.reduced_images import reduced_large
from nearsight.data.split_list import TRAINED_ON
from nearsight.diagnosis import Diagnosis
from nearsight.errors import InputError
from nearsight.evidence import DEFAULT_MEMORY, TiledModel
from nearsight.launch import in_one_process
from nearsight.lock import contents, writing
from nearsight.models.classifier import Network
from nearsight.numbers import whole
from nearsight.progress import Progress, watched
from nearsight.repair import Repair
from nearsight.repair.repairing import DIAGNOSED
from nearsight.repair.repairing import repair as repair_run
from nearsight.report import PAGE, write_repair, write_what_chose
from nearsight.runs import Run
from nearsight.settings import GridKind, Machine, Reading, ReadingOptions
from nearsight.settings.choices import ALL_VERDICTS, DEFAULT_GRID, RepairMethod
from nearsight.shortage import tells_of_memory
from nearsight.signatures import takes_fields_of
from nearsight.verbs.binding import Binding
from nearsight.verbs.default_directories import default_repair
from nearsight.verbs.sources import as_trained, find_images


@takes_fields_of(Reading)
@tells_of_memory("repairing", "memory", "images", "stride", "workers")
@in_one_process
def repair(
    run: Run | str | Path,
    data: Data | None = None,
    *,
    verdicts: str | Sequence[str] = ALL_VERDICTS,
    method: RepairMethod | None = None,
    from_scratch: bool = False,
    column: str | None = None,
    diagnosis: Diagnosis | str | Path | None = None,
    again: bool = True,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = DEFAULT_GRID,
    memory: int = DEFAULT_MEMORY,
    network: Network | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[ReadingOptions],
) -> Repair:
    """Train a new run without the shortcuts of a run, and measure on the test images what that changed.

    >>> repair("runs/scenes-tile-16").sentences()  # doctest: +SKIP

    A diagnosis of the run's training images decides what to remove; test images only measure. `diagnosis` is an
    earlier one of the same run, on its split train or val, or its directory. `verdicts` are "all" shortcuts, or
    names such as "deer:1", the first verdict of the class deer, or "deer:background" for everything off the object;
    suspects are removed only by name. `method` is "swap", "tiles", "last-layer" or "groups", by default the one
    that fits the verdict (docs/repair.md); `column` is a column of the set whose values are balanced. Training
    continues from the run's weights, or starts anew with `from_scratch`. `again` diagnoses the test images before
    and after. `tile`, `stride`, `grid` and `memory` are those of `diagnose`; `network` is for a run of a network of
    your own.

    The new run is written to `out`/run and the page to `out`, by default repairs/RUN; `resume` continues what was
    begun there. `progress=False` shows nothing; a `Progress` object gets the messages instead. Fields of
    `nearsight.settings.Reading` say how images are read. Raises `InputError` for bad input, and then nothing is
    written; and where nothing is proven, with the page of the diagnosis.
    """
    if whole("seed", seed) < 0:
        raise InputError(f"`seed` takes a whole number from 0 on, got {seed}")
    chosen_by = Diagnosis.load(diagnosis) if isinstance(diagnosis, str | Path) else diagnosis
    if chosen_by is not None:
        _check_tiles(chosen_by, tile, stride, grid)
    opened = run if isinstance(run, Run) else Run.open(run)
    reading = Reading(**options)
    place = Path(out) if out is not None else default_repair(opened.directory.resolve())
    with watched(progress) as channel, allowed_pixels(reading.max_pixels), writing(place, channel):
        # A network of whole images was looked at with tiles of the diagnosis's side.
        side = tile if tile is not None or chosen_by is None else chosen_by.tile
        bound = Binding(side, stride, grid, memory, machine, network=network).bind(opened)
        found = find_images(
            opened, data, "train", classes=bound.classes, reading=as_trained(reading, bound), progress=channel
        )
        sets = _held(found.sets, bound, channel)

        def draw() -> None:
            # Whoever stops the repair after this has what it found to look at.
            write_what_chose(place)
            channel.say(f"what it found: {place / DIAGNOSED / PAGE}")

        try:
            repaired = repair_run(
                opened,
                sets,
                bound=bound,
                verdicts=verdicts,
                method=method,
                from_scratch=from_scratch,
                column=column,
                diagnosis=chosen_by,
                again=again,
                seed=seed,
                out=place,
                resume=resume,
                machine=machine,
                once_diagnosed=draw,
                progress=channel,
            )
        except InputError as error:
            page = _page_left_behind(place)
            if page is None:
                raise
            raise InputError(f"{error}; its page is {page}") from error
        write_repair(repaired, place)
    return repaired


def _check_tiles(diagnosis: Diagnosis, tile: int | None, stride: int | None, grid: GridKind) -> None:
    asked = {"tile": tile, "stride": stride, "grid": None if grid == DEFAULT_GRID else grid}
    for name, value in asked.items():
        there = getattr(diagnosis, name)
        if value not in (None, there):
            raise InputError(
                f"`diagnosis` was made with `{name}` {there}, and {value} is asked for; leave `{name}` out, or "
                "diagnose again with it"
            )


def _held(sets: ImageSets, bound: TiledModel, progress: Progress) -> ImageSets:
    """Return the sets with what is too large to be held as a classifier that resizes sees it.

    These are the splits that a repair reads: a training is validated on `val`. Others are only searched for
    near-duplicates. Raises `InputError` for such an image if the classifier does not resize.
    """
    found: dict[str, ImageSet] = dict(sets)
    for split, images in sets.items():
        if split not in (*TRAINED_ON, "test"):
            continue
        if bound.preprocessing is not None:
            found[split], note = reduced_large(images, bound.preprocessing)
            if note is not None:
                progress.warn(note)
        large = found[split].first_large()
        if large is not None:
            raise InputError(
                f"{images.path(large)} is too large to be held whole, as a repair takes, which changes images; cut "
                "the images into parts and train on these, or train with `resize_short`"
            )
    return replace(sets, splits=found)


def _page_left_behind(place: Path) -> Path | None:
    """Return the page of a diagnosis that proved nothing to repair, drawn if it was not; None where there is none."""
    if [path.name for path in contents(place)] != [DIAGNOSED]:
        return None
    page = place / DIAGNOSED / PAGE
    if not page.exists():
        write_what_chose(place)
    return page
