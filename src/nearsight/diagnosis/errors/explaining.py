"""What explains the errors of a decision: tiles if they decide alike, otherwise what is lost without each tile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.errors.hidden import changed_by_hiding, covered, hiding_flips
from nearsight.diagnosis.errors.image_errors import ImageError
from nearsight.diagnosis.removal import MOST_PIXELS, coarse_removal_map, removal_cost
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.progress import SILENT, Progress
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid


@dataclass(frozen=True, eq=False)
class Explained:
    """Errors and what explains them.

    `tried` is how many errors, the costliest, were classified again. `hidden` is the share of their flips that
    change the prediction when they are hidden; its chance is the share if as many pixels are hidden elsewhere. It
    is None if no flip was hidden. `left_out` says why an error could not be examined; it is empty if all could.
    """

    errors: tuple[ImageError, ...]
    tried: int
    hidden: Estimate | None
    left_out: str = ""


def explain_errors(
    decision: Decision,
    images: ImageSet,
    wrong: Sequence[ImageError],
    by_tiles: Mapping[int, ImageError],
    *,
    by_gate: bool,
    most: int,
    known: Mapping[int, EvidenceMap],
    seed: int = 0,
    progress: Progress = SILENT,
) -> Explained:
    """Explain the errors of a decision, and say how often hiding their flips changes them.

    `wrong` are all errors, without a map (`wrong_images`). `by_tiles` holds, by their place, the errors that the
    mean of tiles makes, each with its tiles (`tile_error`). For a decision by tiles the two are the same. For a
    decision on whole images, an error has the map of its tiles if the gate is open (`by_gate`) and its tiles
    predict the same wrong class; otherwise each of the `most` costliest errors has its removal map. Flips of
    these errors are found by hiding tiles, beginning with those whose removal costs the prediction most compared
    with the label. For a decision by tiles, the flips of the `most` costliest errors are hidden to see whether
    they hold. With large images, fewer than `most` are examined (`MOST_PIXELS`). `known` are removal maps of
    images, by their place, that need not be made again.

    Errors are in the order of `wrong`. `seed` fixes what is drawn for the values by chance. `progress` is told
    how many are done.
    """
    found = {error.index: _with_tiles(decision, error, by_tiles.get(error.index), by_gate) for error in wrong}
    costliest = sorted(found.values(), key=lambda error: (-error.cost, error.index))[:most]
    left_out = ""
    if decision.whole:
        affordable = _affordable(decision, images, costliest)
        explained = _looked_into(decision, images, affordable, known, progress)
        found |= {index: one for index, one in explained.items() if isinstance(one, ImageError)}
        tried = [error.index for error in affordable if isinstance(explained[error.index], ImageError)]
        # As of images whose changed copies exceed the memory bound: the error stands without a map.
        left_out = next((one for one in explained.values() if isinstance(one, str)), "")
        if len(affordable) < len(costliest):
            left_out = "the passes for more images as large would take too long"
    else:
        tried = [error.index for error in costliest]
    held, share = _hidden(decision, images, [found[index] for index in tried], seed)
    errors = tuple(held.get(error.index, found[error.index]) for error in wrong)
    return Explained(errors, len(tried), share, left_out)


def _with_tiles(decision: Decision, error: ImageError, tiles: ImageError | None, by_gate: bool) -> ImageError:
    if tiles is None or tiles.prediction != error.prediction:
        return error
    if not decision.whole:
        return tiles
    if not by_gate:
        return error
    return replace(tiles, margin=error.margin, cost=error.cost, flip=None, to_label=None)


def _affordable(decision: Decision, images: ImageSet, errors: Sequence[ImageError]) -> Sequence[ImageError]:
    """Return the first of some errors, as many as `MOST_PIXELS` allow, and at least one."""
    left = MOST_PIXELS
    for place, error in enumerate(errors):
        height, width = images.sizes[error.index].tolist()
        left -= removal_cost(decision.bound, torch.empty(3, height, width, dtype=torch.uint8, device="meta"))
        if left < 0 and place:
            return errors[:place]
    return errors


def _looked_into(
    decision: Decision,
    images: ImageSet,
    errors: Sequence[ImageError],
    known: Mapping[int, EvidenceMap],
    progress: Progress,
) -> dict[int, ImageError | str]:
    """Return each error, by its image, with what explains it, or why it cannot be explained.

    If the decision has several processes, each takes its share of the errors.
    """
    own = decision.processes.dealt(errors)

    def look() -> dict[int, ImageError | str]:
        found: dict[int, ImageError | str] = {}
        for done, error in enumerate(own, start=1):
            image = decision.bound.resize(images.image(error.index))
            try:
                found[error.index] = _explained(decision.alone, error, image, known.get(error.index))
            except InputError as problem:
                found[error.index] = str(problem)
                continue
            progress.count("looking into errors", done, len(own))
        return found

    found = {index: one for each in decision.processes.each(look) for index, one in each.items()}
    return {error.index: found[error.index] for error in errors}


def _explained(
    decision: Decision, error: ImageError, resized: Tensor, lost: EvidenceMap | None
) -> ImageError:
    lost = coarse_removal_map(decision, resized) if lost is None else lost
    if error.grid is None:
        error = error.explained(lost)
    grid = error.grid
    assert grid is not None
    lead = (lost.logits[error.prediction] - lost.logits[error.label]).flatten()
    # A tile that speaks for the label does not stand in its way.
    order = [tile for tile in lead.argsort(descending=True, stable=True).tolist() if lead[tile] > 0]
    flip, to_label = hiding_flips(
        decision,
        resized,
        grid,
        [_same_tile(tile, lost.grid, grid) for tile in order],
        prediction=error.prediction,
        label=error.label,
    )
    return replace(error, flip=flip, to_label=to_label)


def _same_tile(number: int, grid: TileGrid, other: TileGrid) -> int:
    """Return the number that a tile has in another grid with a tile at the same place."""
    row, column = divmod(number, grid.shape[1])
    return other.tops.index(grid.tops[row]) * other.shape[1] + other.lefts.index(grid.lefts[column])


def _hidden(
    decision: Decision, images: ImageSet, errors: Sequence[ImageError], seed: int
) -> tuple[dict[int, ImageError], Estimate | None]:
    """Return the errors whose flips were hidden, with whether each holds, and the share that do."""
    tried = [error for error in errors if error.flip is not None and error.flip.tiles]

    def pixels() -> Iterator[tuple[Tensor, Tensor, int]]:
        for error in tried:
            assert error.flip is not None
            assert error.grid is not None
            image = decision.bound.resize(images.image(error.index))
            yield image, covered(error.grid, error.flip.tiles), error.prediction

    if not tried:
        return {}, None
    changed, share = changed_by_hiding(decision, pixels(), seed=seed)
    return {
        error.index: replace(error, flip=replace(error.flip, holds=held))
        for error, held in zip(tried, changed, strict=True)
        if error.flip is not None
    }, share
