"""A classifier's scores for images without labels, one after another, whatever their number."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.unlabelled import Unlabelled, ValueRangeNeededError
from nearsight.data.workers import begin_worker, told_of_workers, usable_workers
from nearsight.errors import InputError, first_line, unknown_name
from nearsight.evaluation.chunks import BLOCK, TOO_LARGE, Looked, as_looked_at
from nearsight.evaluation.evaluating import check_attention
from nearsight.evaluation.protocols import tile_scores
from nearsight.evaluation.refusal import refuses_sizes
from nearsight.evaluation.scoring import WAITING_SHARE
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models import Preprocessing
from nearsight.settings.protocols import FULL_PASS, PROTOCOLS, SINGLE_TILE

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scored:
    """The result for one image: its scores, float32 (classes,), or the fault that prevented them.

    `digest` is that of the content that was read, empty if none could be.
    """

    number: int
    scores: Scores | None
    fault: str | None = None
    digest: str = ""


def predicting_protocol(bound: TiledModel, asked: str | None) -> str:
    """Return the protocol of predictions: the requested one, or the model's own; full-pass if there is no tile.

    >>> predicting_protocol(TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4), None)
    'mean-logit'

    Raises `InputError` for one that is not known, that says nothing about an image, or that needs a tile.
    """
    if asked is None:
        return FULL_PASS if bound.tile is None else bound.pooling.protocol
    known = [protocol for protocol in PROTOCOLS if protocol != SINGLE_TILE]
    if asked not in known:
        raise unknown_name("protocol", asked, known)
    if asked != FULL_PASS and bound.tile is None:
        raise InputError(f"protocol '{asked}' needs a tile; give one, such as `tile=16`")
    check_attention(bound, [asked])
    return asked


def scored(
    bound: TiledModel,
    images: Unlabelled,
    numbers: Sequence[int],
    *,
    protocol: str,
    workers: int = 0,
    observe: Callable[[int, EvidenceMap], None] | None = None,
) -> Iterator[Scored]:
    """Yield the scores under a protocol of the images with these numbers, in order.

    >>> from nearsight.data.unlabelled import unlabelled
    >>> from nearsight.models import Classifier
    >>> red = np.full((6, 6, 3), (255, 0, 0), np.uint8)
    >>> by_colour = Classifier.of(lambda tiles: tiles.mean((2, 3)), tile=4, classes="red,green,blue")
    >>> [found] = scored(TiledModel(by_colour), unlabelled([red]), [0], protocol="mean-logit")
    >>> int(found.scores.argmax())
    0

    They are those of `evaluate`, in blocks as there. Images are read and resized by `workers` processes and
    processed within the bound's memory. An image that is damaged, too small for a tile, or of a size that the model
    refuses has a fault. `observe` gets the number and the evidence map of each, unless the protocol is a full pass.
    Raises `InputError` for a model that fails for a reason other than the size, and for scores that are not finite.
    """
    digests: dict[int, str] = {}
    decoded = _decoded(images, numbers, bound.preprocessing, workers, digests)
    for _ in range(0, len(numbers), BLOCK):
        block = islice(decoded, BLOCK)
        if protocol == FULL_PASS and observe is None:
            stream = _passed_whole(bound, block)
        else:
            stream = _mapped(bound, block, protocol, observe)
        for found in stream:
            if found.scores is not None and not np.isfinite(found.scores).all():
                raise InputError(
                    f"{protocol} gave scores that are not finite for {images.path(found.number)}; the model's "
                    "weights are damaged or training diverged"
                )
            yield replace(found, digest=digests.pop(found.number))


class _Decoded(torch.utils.data.Dataset[tuple[int, str, Looked | str | InputError]]):
    def __init__(
        self, images: Unlabelled, numbers: Sequence[int], preprocessing: Preprocessing | None
    ) -> None:
        self.images, self.numbers, self.preprocessing = images, numbers, preprocessing

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> tuple[int, str, Looked | str | InputError]:
        number = self.numbers[place]
        # Of a file that is replaced between the two, the next call finds another digest.
        digest = self.images.digest(number)
        try:
            image = self.images.image(number)
            return number, digest, as_looked_at(image, self.preprocessing)
        except ValueRangeNeededError as error:
            # A loader would raise it with the worker's whole traceback as its message.
            return number, digest, error
        except InputError as error:
            return number, digest, str(error)


_Stream = Iterator[tuple[int, Looked | str]]


def _decoded(
    images: Unlabelled,
    numbers: Sequence[int],
    preprocessing: Preprocessing | None,
    workers: int,
    digests: dict[int, str],
) -> _Stream:
    """Yield the images, decoded or with their fault, and put their digests by number into `digests`."""
    source = _Decoded(images, numbers, preprocessing)
    workers = usable_workers(min(workers, len(source)), source) if len(source) > 1 else 0
    loader = (
        torch.utils.data.DataLoader(
            source,
            batch_size=None,
            num_workers=workers,
            worker_init_fn=begin_worker(workers),
        )
        if workers
        else (source[place] for place in range(len(source)))
    )
    with told_of_workers():
        for number, digest, found in loader:
            if isinstance(found, InputError):
                raise found
            digests[int(number)] = digest
            yield int(number), found
            del found


def _mapped(
    bound: TiledModel, decoded: _Stream, protocol: str, observe: Callable[[int, EvidenceMap], None] | None
) -> Iterator[Scored]:
    waiting: deque[Scored] = deque()

    def fitting() -> Iterator[Looked]:
        for number, found in decoded:
            one = Scored(number, None, found if isinstance(found, str) else _unfit(bound, found))
            if not isinstance(found, str) and one.fault is None and protocol == FULL_PASS:
                [one] = _passed_whole(bound, iter([(number, found)]))
            waiting.append(one)
            if not isinstance(found, str) and one.fault is None:
                yield found

    for evidence_map in bound.maps(fitting()):
        while waiting[0].fault is not None:
            yield waiting.popleft()
        mine = waiting.popleft()
        if observe is not None:
            observe(mine.number, evidence_map)
        if mine.scores is None:
            mine = Scored(mine.number, tile_scores(protocol, evidence_map).numpy())
        yield mine
    yield from waiting


def _unfit(bound: TiledModel, image: Looked) -> str | None:
    try:
        bound.grid_of(image)
    except InputError as error:
        return str(error)
    return None


def _passed_whole(bound: TiledModel, decoded: _Stream) -> Iterator[Scored]:
    most = int(bound.memory * WAITING_SHARE)
    chunk: list[tuple[int, Tensor]] = []
    faults: list[Scored] = []
    held = 0
    for number, found in decoded:
        if isinstance(found, str):
            faults.append(Scored(number, None, found))
            continue
        if not isinstance(found, Tensor):
            faults.append(Scored(number, None, TOO_LARGE))
            continue
        if chunk and held + found.nbytes > most:
            yield from _in_order(_whole(bound, chunk), faults)
            chunk, faults, held = [], [], 0
        chunk.append((number, found))
        held += found.nbytes
    yield from _in_order(_whole(bound, chunk) if chunk else [], faults)


def _in_order(some: list[Scored], others: list[Scored]) -> list[Scored]:
    return sorted([*some, *others], key=lambda one: one.number)


def _whole(bound: TiledModel, chunk: list[tuple[int, Tensor]]) -> list[Scored]:
    """Pass images whole; those of a size that the model refuses get a fault."""
    images = [image for _, image in chunk]
    try:
        rows = bound.full_pass(images).numpy()
    except Exception as error:
        # At a size that it does not accept, a model may raise anything.
        if not refuses_sizes(bound, images):
            if isinstance(error, InputError):
                raise
            said = f"{type(error).__name__}: {first_line(error)}"
            raise InputError(f"the model failed in {FULL_PASS}, not for the size, with {said}") from error
        if len(chunk) > 1:
            return [found for one in chunk for found in _whole(bound, [one])]
        height, width = images[0].shape[1:]
        fault = f"the model does not take images of {height}×{width} pixels: {first_line(error)}"
        return [Scored(chunk[0][0], None, fault)]
    return [Scored(number, row) for (number, _), row in zip(chunk, rows, strict=True)]
