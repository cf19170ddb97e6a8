"""Measure the dimensions of a set's tiles, tile size by tile size."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from nearsight.data import ImageSet, ImageSets
from nearsight.dimension.bound import measure_bound
from nearsight.dimension.coverage import measure_coverage, measure_curve
from nearsight.dimension.drawing import CHANNELS, choose_images, draw_tiles, positions
from nearsight.dimension.effective import effective_tiles, tile_correlation
from nearsight.dimension.examples import Examples, unweighed, weigh_tiles
from nearsight.dimension.expected import expected_seconds
from nearsight.dimension.kept_sizes import kept_sizes
from nearsight.dimension.neighbours import find_neighbours
from nearsight.dimension.order import SideBySide, side_by_side
from nearsight.dimension.result import Dimension, Sampled, TileDimension, tile_name
from nearsight.dimension.several_tiles import Place, find_several
from nearsight.dimension.sizes import choose_sizes
from nearsight.dimension.spaces import Space
from nearsight.dimension.tile_dimensions import intrinsic_dimensions
from nearsight.evidence import TiledModel
from nearsight.launch import this_command
from nearsight.models import Classifier
from nearsight.numbers import counted
from nearsight.progress import SAID_SECONDS, SILENT, Progress, duration
from nearsight.settings import Sampling
from nearsight.statistics import Estimate, absent
from nearsight.together import ONE_PROCESS, Processes

SPLITS = ("train", "test")


def measure_dimension(
    sets: ImageSets,
    *,
    tiles: Iterable[int | None] | None = None,
    comparison: str | Path | None = None,
    sampling: Sampling | None = None,
    embedding: TiledModel | None = None,
    device: torch.device | None = None,
    keep: Path | None = None,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> Dimension:
    """Measure how many dimensions and how many tiles there are at each tile size, and how well they are covered.

    >>> from nearsight.data import load
    >>> few = Sampling(training_tiles=500, test_images=50, points=200, pairs=50)
    >>> found = measure_dimension(load("digits"), tiles=[4, None], sampling=few)
    >>> [(row.label, row.input_dimension, row.tiles) for row in found.tiles]
    [('4', 48, 32225), ('full', 192, 1289)]

    `tiles` contains None for whole images; by default it is an eighth, a quarter, three eighths, a half and three
    quarters of the smallest side, and whole images if they have one size. `comparison` is a directory that
    `compare` wrote. What several tiles of an image are worth in images is also measured in the embedding of the
    model `embedding`; a model that was trained on these training images knows them, and makes them seem nearer
    than others. Long work leaves the sizes that are measured in the directory `keep`, and continues with them after
    an interruption; the caller removes it. If there are several `processes`, each measures some of the sizes, and all
    return the same.
    `progress` is told what begins and how many training images are searched.

    Raises `InputError`, before anything is measured, if a tile does not fit, a split is missing or the comparison
    cannot be used.
    """
    sampling, device = sampling or Sampling(), device or torch.device("cpu")
    train, test = (sets[split] for split in SPLITS)
    sizes, notes = choose_sizes(train, test, tiles)
    if comparison is not None:
        _require_common(comparison, sizes)
    searched = sum(min(len(train), most) for most in (sampling.training_tiles, sampling.example_images))
    kept = None if keep is None else kept_sizes(keep, train, test, sizes, sampling, embedding, device)
    own = processes.dealt([*enumerate(sizes.items())])
    done = 0

    def tick(images: int) -> None:
        nonlocal done
        done += images
        progress.count("searching training images", done, searched * len(own))

    chance, commonest = _chances(train, test)
    if progress is not SILENT:
        coming = [size for place, (_, size) in own if kept is None or kept.read(place) is None]
        seconds = expected_seconds(train, test, coming, sampling, device)
        if seconds > SAID_SECONDS:
            progress.say(f"measuring {counted(len(coming), 'tile size')} takes about {duration(seconds)}")

    def measure() -> dict[int | None, TileDimension]:
        found = {}
        with nullcontext() if kept is None else kept.writing():
            for place, (tile, size) in own:
                before = None if kept is None else kept.read(place)
                if before is not None:
                    progress.say(f"tile {tile_name(tile)} was measured before the interruption")
                    found[tile] = before
                    tick(searched)
                    continue
                progress.say(
                    f"tile {tile_name(tile)}: {CHANNELS * size[0] * size[1]:,} dimensions, "
                    f"{counted(int(positions(train, size).sum()), 'training tile')}"
                )
                found[tile] = _measure_tile(
                    train, test, tile, size, sampling, chance, embedding, device, tick
                )
                if kept is not None:
                    kept.add(place, found[tile])
        return found

    measured = {tile: row for found in processes.each(measure) for tile, row in found.items()}
    rows = [measured[tile] for tile in sizes]
    return Dimension(
        data=sets.name,
        split=SPLITS[1],
        classes=len(sets.classes),
        training_images=len(train),
        test_images=len(test),
        chance=chance,
        commonest=commonest,
        sampling=sampling,
        tiles=tuple(rows),
        comparison=None if comparison is None else _compared(comparison, rows),
        notes=(*sets.notes, *notes),
        embedding=None if embedding is None else _name(embedding),
        command=this_command(),
    )


def _measure_tile(
    train: ImageSet,
    test: ImageSet,
    tile: int | None,
    size: tuple[int, int],
    sampling: Sampling,
    chance: float,
    embedding: TiledModel | None,
    device: torch.device,
    tick: Callable[[int], None],
) -> TileDimension:
    started, worked = time.perf_counter(), time.process_time()
    generator = torch.Generator().manual_seed(sampling.seed)
    dimension = CHANNELS * size[0] * size[1]
    sampling = sampling.within_memory(dimension, len(train))
    room = positions(train, size)
    correlation = _correlations(train, size, sampling, generator)
    points, _ = draw_tiles(train, choose_images(train, sampling.points, sampling.seed), size, 1, generator)
    intrinsic = intrinsic_dimensions(points, sampling.neighbours, device=device, seed=sampling.seed)
    found = find_neighbours(train, test, size, sampling, generator, device=device, tick=tick)
    curves = {space: measure_curve(neighbours) for space, neighbours in found.items()}
    raw = found["raw"]
    examples = _examples(train, test, size, sampling, embedding, device, tick)
    return TileDimension(
        tile=tile,
        height=size[0],
        width=size[1],
        input_dimension=dimension,
        tiles=int(room.sum()),
        correlation=correlation,
        effective={space: effective_tiles(room, r) for space, r in correlation.items()},
        intrinsic=intrinsic,
        coverage={
            space: measure_coverage(found[space], curves[space], len(train.classes)) for space in found
        },
        bound=measure_bound(dimension, int(room.sum()), curves["raw"], chance),
        sampled=Sampled(sum(raw.block_images), raw.training_tiles, len(raw.labels), len(raw.owners)),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - worked,
        examples=examples,
    )


def _examples(
    train: ImageSet,
    test: ImageSet,
    size: tuple[int, int],
    sampling: Sampling,
    embedding: TiledModel | None,
    device: torch.device,
    tick: Callable[[int], None],
) -> Mapping[Place, Examples]:
    if sampling.example_images == 0:
        return {}
    if positions(train, size).max() == 1:
        tick(min(len(train), sampling.example_images))
        places: list[Place] = [*get_args(Space), *(() if embedding is None else ("embedding",))]
        return dict.fromkeys(places, unweighed("each image has one tile of this size"))
    found = find_several(
        train,
        test,
        size,
        sampling,
        device=device,
        embed=None if embedding is None else embedding.embed,
        tick=tick,
    )
    return {place: weigh_tiles(several) for place, several in found.items()}


def _correlations(
    train: ImageSet, size: tuple[int, int], sampling: Sampling, generator: torch.Generator
) -> Mapping[Space, Estimate]:
    several = np.flatnonzero(positions(train, size) > 1)
    if not len(several):
        return dict.fromkeys(get_args(Space), absent("each image has one tile of this size"))
    chosen = several[np.random.default_rng(sampling.seed).permutation(len(several))[: sampling.pairs]]
    pairs = draw_tiles(train, chosen, size, 2, generator)[0].reshape(len(chosen), 2, -1)
    return {space: tile_correlation(pairs, space, seed=sampling.seed) for space in get_args(Space)}


def _name(bound: TiledModel) -> str:
    model = bound.model
    return model.architecture.name if isinstance(model, Classifier) else type(model).__name__


def _chances(train: ImageSet, test: ImageSet) -> tuple[float, float]:
    """Return how often a random training label is right on the test images, and how often the most common is."""
    shares = [
        np.bincount(images.labels, minlength=len(train.classes)) / len(images) for images in (train, test)
    ]
    return float(shares[0] @ shares[1]), float(shares[1][shares[0].argmax()])


def _require_common(comparison: str | Path, sizes: Iterable[int | None]) -> None:
    side_by_side(comparison, {"size": (1, dict.fromkeys(sizes, 0.0))})


def _compared(comparison: str | Path, rows: Iterable[TileDimension]) -> SideBySide:
    """Return what each measure that is known before training predicts, compared with what was measured."""
    rows = list(rows)
    predictors: dict[str, tuple[int, dict[int | None, float | None]]] = {
        "smaller worst-case bound": (
            -1,
            {row.tile: row.bound.radius / row.bound.diameter for row in rows},
        )
    }
    for space in get_args(Space):
        coverage = {row.tile: row.coverage[space] for row in rows}
        predictors |= {
            f"lower intrinsic dimension ({space})": (
                -1,
                {row.tile: row.dimension("levina-bickel", space).estimate.value for row in rows},
            ),
            f"smaller relative distance ({space})": (
                -1,
                {tile: found.relative.value for tile, found in coverage.items()},
            ),
            f"higher tile agreement ({space})": (
                1,
                {tile: found.tile_agreement.value for tile, found in coverage.items()},
            ),
            f"higher image agreement ({space})": (
                1,
                {tile: found.image_agreement.value for tile, found in coverage.items()},
            ),
        }
    return side_by_side(comparison, predictors)
