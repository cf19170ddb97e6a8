"""A classifier's predictions on an image set under every protocol, and the metrics they make."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet, require_tile
from nearsight.errors import InputError, unknown_name
from nearsight.evaluation.full_pass import full_pass, reestimate_batch_norm
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.evaluation.prepare import prepared_chunks
from nearsight.evaluation.protocols import predict, tile_scores
from nearsight.evaluation.result import Evaluation
from nearsight.evidence import DEFAULT_MEMORY, EvidenceMap, iterate_evidence
from nearsight.models import Classifier
from nearsight.progress import SILENT, Progress
from nearsight.settings import GridKind
from nearsight.settings.protocols import FULL_PASS, PROTOCOLS, REESTIMATED
from nearsight.tiles import default_stride


def evaluate(
    classifier: Classifier,
    images: ImageSet,
    *,
    protocols: Sequence[str] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = "covering",
    reestimate: ImageSet | None = None,
    memory: int = DEFAULT_MEMORY,
    device: torch.device | str = "cpu",
    workers: int = 0,
    observe: Callable[[int, EvidenceMap], None] | None = None,
    progress: Progress = SILENT,
) -> Evaluation:
    """Evaluate a classifier on an image set under each protocol, reading every image once.

    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Architecture, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> pixels = torch.zeros(4, 3, 20, 24, dtype=torch.uint8)
    >>> black = ImageSet("black", "test", toy.classes, np.zeros(4, int), MemoryImages(pixels, ("",) * 4))
    >>> evaluation = evaluate(toy, black, stride=4)
    >>> list(evaluation.metrics), evaluation.settings["tiles"]
    (['full-pass', 'mean-logit', 'mean-probability', 'vote', 'single-tile'], 24)

    `protocols` are all five by default, for a classifier of whole images `full-pass` alone unless `tile` is
    given. `tile` is by default the one trained on, `stride` a quarter of it. `reestimate`, the training
    images, adds `full-pass+bn`: full-pass with BatchNorm statistics re-estimated on whole images. `memory`
    bounds in bytes what is worked on at once, whatever the number of images; scores and predictions come on
    top. `workers` processes decode a set that streams. `observe` is given each image's number and its evidence
    map, as the protocols reduce it, in order; none is kept. `progress` is told how many images are
    done. Everything is computed in float32; the classifier given is not changed.

    Raises `InputError` for an unknown protocol, an empty set, classes that are not the classifier's, a tile
    that does not fit an image, and logits that are not finite.
    """
    started = time.perf_counter()
    _check_classes(classifier, images)
    tile = tile if tile is not None else classifier.tile
    asked = _chosen(protocols, tile)
    tiled = [protocol for protocol in asked if protocol != FULL_PASS]
    if tiled and tile is not None:
        _check_tile(images, classifier, tile)
    target = torch.device(device)
    model = copy.deepcopy(classifier).to(memory_format=torch.channels_last).to(target).eval()
    passes = {FULL_PASS: model} if FULL_PASS in asked else {}
    if reestimate is not None:
        passes[REESTIMATED] = reestimate_batch_norm(model, reestimate, memory // 2)
    scores = {
        name: np.empty((len(images), len(classifier.classes)), dtype=np.float32) for name in (*passes, *tiled)
    }
    settings = {"data": images.name, "split": images.split, "images": len(images), "device": str(target)}
    chunks = prepared_chunks(images, classifier.preprocessing, memory // 8, target, workers)
    stream = _passed_whole(chunks, passes, scores, memory // 4)
    if not tiled or tile is None:
        for done, _ in enumerate(stream, start=1):
            progress.count("evaluating images", done, len(images))
    else:
        stride = stride if stride is not None else default_stride(tile)
        maps = iterate_evidence(
            model, stream, tile=tile, stride=stride, grid=grid, memory=memory // 2, classes=images.classes
        )
        tiles = 0
        for done, evidence_map in enumerate(maps, start=1):
            for protocol in tiled:
                scores[protocol][done - 1] = tile_scores(protocol, evidence_map).numpy()
            if observe is not None:
                observe(done - 1, evidence_map)
            tiles += len(evidence_map.grid)
            progress.count("evaluating images", done, len(images))
        settings |= {"tile": tile, "stride": stride, "grid": grid, "tiles": tiles}
    _check_finite(scores, images)
    settings["seconds"] = time.perf_counter() - started
    return Evaluation(
        metrics={
            name: protocol_metrics(name, rows, images.labels, images.classes) for name, rows in scores.items()
        },
        settings=settings,
        labels=images.labels,
        predictions={name: predict(rows) for name, rows in scores.items()},
        scores=scores,
    )


def _passed_whole(
    chunks: Iterator[list[Tensor]],
    passes: Mapping[str, Classifier],
    scores: Mapping[str, NDArray[np.float32]],
    memory: int,
) -> Iterator[Tensor]:
    """Yield the images of all chunks; their scores in a full pass are filled in on the way."""
    fitting: dict[torch.Size, int] = {}
    first = 0
    for chunk in chunks:
        for name, classifier in passes.items():
            scores[name][first : first + len(chunk)] = full_pass(classifier, chunk, memory, fitting)
        first += len(chunk)
        yield from chunk


def _chosen(protocols: Sequence[str] | None, tile: int | None) -> list[str]:
    """Return the protocols asked for, once each and in their usual order."""
    if protocols is None:
        return list(PROTOCOLS) if tile is not None else [FULL_PASS]
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
    return [protocol for protocol in PROTOCOLS if protocol in protocols]


def _check_classes(classifier: Classifier, images: ImageSet) -> None:
    source = f"{images.name} {images.split}"
    if not len(images):
        raise InputError(f"{source} has no images to evaluate on")
    known, found = classifier.classes, images.classes
    if len(known) != len(found):
        raise InputError(
            f"the classifier knows {len(known)} classes but {source} has {len(found)}; "
            "evaluate on a set with the same classes in the same order"
        )
    for number, (ours, theirs) in enumerate(zip(known, found, strict=True)):
        if ours != theirs:
            raise InputError(
                f"class {number} is '{ours}' to the classifier but '{theirs}' in {source}; "
                "evaluate on a set with the same classes in the same order"
            )


def _check_tile(images: ImageSet, classifier: Classifier, tile: int) -> None:
    preprocessing = classifier.preprocessing
    if not preprocessing.resizes:
        require_tile(images, tile)
        return
    short = preprocessing.resize_short or min(preprocessing.resized(1, 1))
    if tile > short:
        raise InputError(
            f"a tile of {tile} pixels does not fit images that the classifier resizes to a short side of "
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
