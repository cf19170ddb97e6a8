"""The scores of images under each protocol, reading every image once; of all images, or of one process's share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError, first_line
from nearsight.evaluation.chunks import BLOCK, TOO_LARGE, Looked, resized_chunks
from nearsight.evaluation.expected import expected_of, say_cost
from nearsight.evaluation.five_crop import FiveCrop
from nearsight.evaluation.protocols import tile_scores
from nearsight.evaluation.refusal import refuses_sizes
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.progress import SILENT, Progress

# The share of the memory bound for decoded images that wait.
WAITING_SHARE = 1 / 8


@dataclass(frozen=True, eq=False)
class PartScores:
    """The scores of some images, float32 (images, classes) by protocol, and the passes left out, with the reasons.

    `tiles` is how many were evaluated.
    """

    scores: Mapping[str, NDArray[np.float32]]
    left_out: Mapping[str, str]
    tiles: int


def score_blocks(
    bound: TiledModel,
    images: ImageSet,
    passes: Mapping[str, TiledModel | FiveCrop],
    tiled: Sequence[str],
    *,
    size: int | None = None,
    workers: int = 0,
    observe: Callable[[int, EvidenceMap], None] | None = None,
    progress: Progress = SILENT,
) -> Iterator[PartScores]:
    """Score images in the `passes` over whole images and under the `tiled` protocols, reading every image once.

    Yields the scores of each block of images, of `size` (by default `BLOCK`), as it is done.

    >>> from nearsight.data import MemoryImages
    >>> import torch
    >>> red = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None].expand(2, 3, 6, 6)
    >>> reds = ImageSet("reds", "test", ("red", "green", "blue"), np.zeros(2, int), MemoryImages(red, ("",) * 2))
    >>> from nearsight.models import Classifier
    >>> by_colour = Classifier.of(lambda tiles: tiles.mean((2, 3)), tile=4, classes="red,green,blue")
    >>> [found] = score_blocks(TiledModel(by_colour), reds, {}, ["mean-logit"])
    >>> found.scores["mean-logit"].argmax(1).tolist(), found.tiles
    ([0, 0], 18)

    `workers`, `observe` and `progress` are those of `evaluate`. Raises `InputError` if no protocol is left.
    """
    looking = dict(passes)
    left_out: dict[str, str] = {}
    scores = {
        name: np.empty((len(images), len(bound.classes)), dtype=np.float32) for name in (*passes, *tiled)
    }

    def leave_out(name: str, error: Exception) -> None:
        if len(scores) == 1:
            raise InputError(
                f"{name} cannot be obtained: {first_line(error)}; give a tile that fits"
            ) from error
        del looking[name], scores[name]
        left_out[name] = f"{name} is left out: {first_line(error)}"
        progress.warn(left_out[name])

    chunks = resized_chunks(images, bound.preprocessing, int(bound.memory * WAITING_SHARE), workers)
    stream = _passed_whole(chunks, looking, scores, leave_out)
    if progress is not SILENT:
        passed, of_tiles = [*looking.values()], bound.cost if tiled else None
        cost = expected_of(bound, images, passes=passed, of_tiles=of_tiles, workers=workers)
        say_cost(progress, "evaluating", len(images), cost)
    together = BLOCK if size is None else size
    for start in range(0, len(images), together):
        block, tiles, stop = islice(stream, together), 0, min(start + together, len(images))
        for place, found in enumerate(bound.maps(block) if tiled else block, start):
            if isinstance(found, EvidenceMap):
                for protocol in tiled:
                    scores[protocol][place] = tile_scores(protocol, found).numpy()
                if observe is not None:
                    observe(place, found)
                tiles += len(found.grid) - int(found.skipped.sum())
            progress.count("evaluating images", place + 1, len(images))
        yield PartScores({name: rows[start:stop] for name, rows in scores.items()}, dict(left_out), tiles)


def joined_scores(
    parts: Sequence[PartScores],
) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    """Return the scores of all parts one after the other, and the reasons for the passes that were left out.

    >>> whole = PartScores({"full-pass": np.zeros((2, 3)), "vote": np.zeros((2, 3))}, {}, 0)
    >>> part = PartScores({"vote": np.ones((1, 3))}, {"full-pass": "full-pass is left out: too small"}, 9)
    >>> scores, said = joined_scores([whole, part])
    >>> list(scores), scores["vote"].shape, said
    (['vote'], (3, 3), ('full-pass is left out: too small',))

    A pass that one part leaves out is left out of all. Raises `InputError` if none remains.
    """
    left_out = {name: said for part in parts for name, said in part.left_out.items()}
    names = [name for name in parts[0].scores if name not in left_out]
    if not names:
        raise InputError(
            f"no protocol can be obtained: {'; '.join(left_out.values())}; give a tile that fits"
        )
    return {name: np.concatenate([part.scores[name] for part in parts]) for name in names}, tuple(
        left_out.values()
    )


def _passed_whole(
    chunks: Iterator[list[Looked]],
    passes: Mapping[str, TiledModel | FiveCrop],
    scores: Mapping[str, NDArray[np.float32]],
    leave_out: Callable[[str, Exception], None],
) -> Iterator[Looked]:
    """Yield the images of all chunks; their scores in a full pass are filled in meanwhile.

    A pass that a model refuses, because it accepts only images of some sizes, is reported to `leave_out`; any
    other fault is an `InputError`.
    """
    first = 0
    for chunk in chunks:
        held = [image for image in chunk if isinstance(image, Tensor)]
        for name, looking in list(passes.items()):
            if len(held) < len(chunk):
                leave_out(name, InputError(TOO_LARGE))
                continue
            try:
                found = looking.full_pass(held)
            except Exception as error:
                bound = looking.bound if isinstance(looking, FiveCrop) else looking
                # At a size that it does not accept, a model may raise anything.
                if refuses_sizes(bound, held):
                    leave_out(name, error)
                elif isinstance(error, InputError):
                    raise
                else:
                    said = f"{type(error).__name__}: {first_line(error)}"
                    raise InputError(f"the model failed in {name}, not for the size, with {said}") from error
            else:
                scores[name][first : first + len(chunk)] = found.numpy()
        first += len(chunk)
        del held
        chunk.reverse()
        while chunk:
            yield chunk.pop()
