"""A classifier's predictions on an image set under every protocol, and the metrics they make."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet, require_tile
from nearsight.data.value_groups import checked_groups, column_of, column_values
from nearsight.errors import InputError, unknown_name
from nearsight.evaluation.chunks import BLOCK, LARGE_BLOCK
from nearsight.evaluation.five_crop import FiveCrop, Shifts
from nearsight.evaluation.kept_blocks import KeptBlocks
from nearsight.evaluation.kept_scores import SCORED, ScoredBlock, can_keep_maps, made_with
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.evaluation.protocols import predict
from nearsight.evaluation.reestimation import reestimate_batch_norm
from nearsight.evaluation.result import Evaluation
from nearsight.evaluation.scoring import PartScores, joined_scores, score_blocks
from nearsight.evaluation.tile_embeddings import tile_counts
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress
from nearsight.settings.pooled import MEAN, no_attention
from nearsight.settings.protocols import ATTENTION, FIVE_CROP, FULL_PASS, PROTOCOLS, REESTIMATED, TOP_K, USUAL
from nearsight.together import ONE_PROCESS, Processes

if TYPE_CHECKING:
    import pyarrow as pa


def evaluate(
    bound: TiledModel,
    images: ImageSet,
    *,
    protocols: Sequence[str] | None = None,
    reestimate: ImageSet | None = None,
    shifts: Shifts | None = None,
    groups: str | None = None,
    workers: int = 0,
    observe: Callable[[int, EvidenceMap], None] | None = None,
    keep: Path | None = None,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> Evaluation:
    """Evaluate a bound model on an image set under each protocol, reading every image once.

    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> import torch
    >>> pixels = torch.zeros(4, 3, 20, 24, dtype=torch.uint8)
    >>> black = ImageSet("black", "test", toy.classes, np.zeros(4, int), MemoryImages(pixels, ("",) * 4))
    >>> evaluation = evaluate(TiledModel(toy, stride=4), black)
    >>> list(evaluation.metrics), evaluation.settings["tiles"]
    (['full-pass', 'mean-logit', 'mean-probability', 'vote', 'single-tile'], 24)

    By default, `protocols` are the five usual ones, with the model's own if it was trained with a pooling other
    than the mean; `full-pass` alone if `bound` has no tile. `reestimate`, the training images, adds
    `full-pass+bn`: full-pass with BatchNorm statistics re-estimated on whole images. `shifts` add `five-crop`:
    the mean logit of five views of the whole image (`views_of`). `bound` holds the memory bound, whatever the
    number of images; scores and predictions come in addition. `workers` processes decode a streaming set.
    `observe` gets each image's number and its evidence map, which the protocols reduce, in order.
    A long evaluation writes the scores of finished blocks, and the maps that are observed, into the directory
    `keep`, and continues with them if it was interrupted; the caller removes the directory once the result is saved.
    If there are several `processes`, each evaluates its share of the images, which its `observe` gets, and all return
    the same. `progress` is told how many images are done. `groups` is a column of the set, or a fact of its files
    such as `file.format`; accuracies are reported for each of its values (`GroupAccuracies`).

    If a model refuses a full pass for some sizes of images, as one that accepts a single size does, the pass is
    left out, provided that other protocols remain; `progress` is warned, and `settings` list it under "left_out".

    Raises `InputError` for an unknown protocol or column, an empty set, classes that are not the classifier's, a
    tile that does not fit an image, logits that are not finite, and a model that fails for a reason other than
    the size.
    """
    started = time.perf_counter()
    _check_classes(bound.classes, images)
    asked = _chosen(protocols, bound)
    tiled = [protocol for protocol in asked if protocol != FULL_PASS]
    column = None if groups is None else column_of(images, groups, progress)
    grouped = None if groups is None or column is None else checked_groups(column_values(groups, column))
    if tiled:
        _check_tile(images, bound)
    passes: dict[str, TiledModel | FiveCrop] = {FULL_PASS: bound} if FULL_PASS in asked else {}
    if reestimate is not None:
        passes[REESTIMATED] = reestimate_batch_norm(bound, reestimate)
    if shifts is not None:
        passes[FIVE_CROP] = FiveCrop(bound, shifts)
    settings: dict[str, Any] = {
        "data": images.name,
        "split": images.split,
        "images": len(images),
        "device": str(bound.device),
        **({} if groups is None else {"groups": groups}),
        **({} if shifts is None else shifts.settings()),
    }

    size = BLOCK if images.first_large() is None else LARGE_BLOCK
    kept = None
    if keep is not None and (observe is None or _can_keep_maps(bound, images, size, progress)):
        made = cache(lambda: _in_blocks(made_with(bound, images, passes, tiled), size))
        kept = KeptBlocks(keep, SCORED, lambda _: made())

    def score() -> list[PartScores]:
        share = processes.share(len(images), size)
        blocks = range(share.start // size, -(-share.stop // size))
        known = set() if kept is None else kept.known(blocks)
        if known:
            progress.say(f"{counted(len(known) * size, 'image')} were scored before the interruption")
        places = [place for place in share if place // size not in known]
        some = images if len(places) == len(images) else images.select(np.array(places, dtype=np.int64))
        maps: list[EvidenceMap] = []

        def see(place: int, found: EvidenceMap) -> None:
            if observe is not None:
                observe(place, found)
                if kept is not None:
                    maps.append(found)

        scored = score_blocks(
            bound,
            some,
            passes,
            tiled,
            size=size,
            workers=workers,
            observe=None if observe is None else lambda place, found: see(places[place], found),
            progress=progress,
        )
        parts = []
        with nullcontext() if kept is None else kept.writing():
            for block in blocks:
                if kept is not None and block in known:
                    before = kept.read(block)
                    if before is None:
                        raise InputError(f"what was kept in {keep} was changed meanwhile; evaluate again")
                    parts.append(before.scores)
                    if observe is not None:
                        for place, evidence_map in enumerate(before.maps, block * size):
                            observe(place, evidence_map)
                    continue
                maps.clear()
                parts.append(next(scored))
                if kept is not None:
                    kept.add(block, ScoredBlock(parts[-1], tuple(maps)))
        return parts

    parts = [part for found in processes.each(score) for part in found]
    scores, left_out = joined_scores(parts)
    if left_out:
        settings["left_out"] = list(left_out)
    if tiled:
        tiles = sum(part.tiles for part in parts)
        settings |= {"tile": bound.tile, "stride": bound.stride, "grid": bound.grid, "tiles": tiles}
        if bound.skip_blank is not None:
            settings["skip_blank"] = bound.skip_blank
        if bound.pooling.name != MEAN:
            settings["pooling"] = bound.pooling.name
        if TOP_K in tiled:
            settings["top_k"] = bound.pooling.top_k
    _check_finite(scores, images)
    settings["seconds"] = time.perf_counter() - started
    return Evaluation(
        metrics={
            name: protocol_metrics(name, rows, images.labels, images.classes, grouped)
            for name, rows in scores.items()
        },
        settings=settings,
        labels=images.labels,
        predictions={name: predict(rows) for name, rows in scores.items()},
        scores=scores,
        paths=tuple(images.paths()),
        columns=_with_column(images, groups, column),
    )


def _in_blocks(made: dict[str, Any] | None, size: int) -> dict[str, Any] | None:
    """Return the same with the size of a block, if it is not the usual one."""
    return made if made is None or size == BLOCK else {**made, "block": size}


def _can_keep_maps(bound: TiledModel, images: ImageSet, size: int, progress: Progress) -> bool:
    """Whether the maps of a set, so many images at a time, can be kept on disk; if not, it is said."""
    counts = tile_counts(bound, images)
    blocks = [int(counts[start : start + size].sum()) for start in range(0, len(counts), size)]
    if can_keep_maps(blocks, len(bound.classes)):
        return True
    taken = 4 * len(bound.classes) * sum(blocks) / 2**30
    progress.say(
        f"the maps would take {taken:,.1f} GiB on disk and are not kept, so an interrupted command starts over"
    )
    return False


def _with_column(images: ImageSet, name: str | None, column: "pa.ChunkedArray | None") -> "pa.Table | None":
    """Return the columns of a set, with the one made from a fact of its files."""
    if name is None or column is None or (images.columns is not None and name in images.columns.column_names):
        return images.columns
    import pyarrow as pa

    return pa.table({name: column}) if images.columns is None else images.columns.append_column(name, column)


def _chosen(protocols: Sequence[str] | None, bound: TiledModel) -> list[str]:
    """Return the requested protocols, each once and in their usual order."""
    tile, own = bound.tile, bound.pooling.protocol
    if protocols is None:
        usual = [protocol for protocol in PROTOCOLS if protocol in USUAL or protocol == own]
        return usual if tile is not None else [FULL_PASS]
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise unknown_name("protocol", protocol, PROTOCOLS)
    if not protocols:
        raise InputError(f"no protocol was given; known: {', '.join(PROTOCOLS)}")
    needing = next((protocol for protocol in protocols if protocol != FULL_PASS), None)
    if tile is None and needing is not None:
        raise InputError(
            f"protocol '{needing}' needs a tile, and this classifier was trained on whole images; "
            "give one, such as `tile=16`"
        )
    check_attention(bound, protocols)
    return [protocol for protocol in PROTOCOLS if protocol in protocols]


def check_attention(bound: TiledModel, protocols: Sequence[str]) -> None:
    """Raise `InputError` if attention is requested and the model was trained without it."""
    if ATTENTION in protocols and not bound.attends:
        raise no_attention()


def _check_classes(known: Sequence[str], images: ImageSet) -> None:
    source = f"{images.name} {images.split}"
    if not len(images):
        raise InputError(f"{source} has no images to evaluate on")
    found = images.classes
    if len(known) != len(found):
        raise InputError(
            f"the classifier knows {counted(len(known), 'class', 'classes')} but {source} has {len(found)}; "
            "evaluate on a set with the same classes in the same order"
        )
    for number, (ours, theirs) in enumerate(zip(known, found, strict=True)):
        if ours != theirs:
            raise InputError(
                f"class {number} is '{ours}' to the classifier but '{theirs}' in {source}; evaluate on a set with "
                "the same classes in the same order, or name the model's own with `classes`"
            )


def _check_tile(images: ImageSet, bound: TiledModel) -> None:
    preprocessing = bound.preprocessing
    if bound.tile is None:
        return
    if preprocessing is None or not preprocessing.resizes:
        require_tile(images, bound.tile, resizable=False)
        return
    short = preprocessing.resize_short or min(preprocessing.resized(1, 1))
    if bound.tile > short:
        raise InputError(
            f"a tile of {bound.tile} pixels does not fit images that the classifier resizes to a short side of "
            f"{short} pixels"
        )


def _check_finite(scores: Mapping[str, NDArray[np.float32]], images: ImageSet) -> None:
    for protocol, rows in scores.items():
        bad = np.flatnonzero(~np.isfinite(rows).all(1))
        if len(bad):
            raise InputError(
                f"{protocol} gave logits that are not finite for {images.path(int(bad[0]))} "
                f"(image {bad[0]}), the first of {len(bad)}; its weights are damaged or training diverged"
            )
