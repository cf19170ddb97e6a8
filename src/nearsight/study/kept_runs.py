"""Whether runs that a study made earlier belong to the same work: the same images, evaluated in the same way."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from nearsight.data import ImageSet
from nearsight.data.split_list import Listing
from nearsight.errors import InputError
from nearsight.evaluation.kept_scores import CONTENT, content_of
from nearsight.evaluation.result import split_name
from nearsight.runs import PREDICTIONS, Run
from nearsight.runs.run import are_of_one_evaluation, read_predictions
from nearsight.settings import GridKind, Recipe
from nearsight.settings.pooled import MEAN
from nearsight.tiles import default_stride


def require_same_images(out: Path, listed: Listing, now: Listing) -> None:
    """Raise `InputError` before a run is trained on other images than the others were."""
    if not listed.same_training_images(now):
        raise InputError(
            f"the runs that {out} still lacks would be trained on other images or labels than those that it has, as "
            "the set has changed: put back what was removed or changed, or give another `out`"
        )


def evaluated_as(images: ImageSet, recipe: Recipe, stride: int | None, grid: GridKind) -> dict[str, Any]:
    """Return the settings by which the evaluation of a run of a recipe on images is told from others.

    `stride` is by default a quarter of the tile. Settings that the evaluation does not have are None.
    """
    tile = recipe.tile
    return {
        "data": images.name,
        "split": images.split,
        "images": len(images),
        CONTENT: content_of(images),
        "tile": tile,
        "stride": default_stride(tile) if tile is not None and stride is None else stride,
        "grid": None if tile is None else grid,
        "skip_blank": None,
        "pooling": None if tile is None or recipe.pooling == MEAN else recipe.pooling,
    }


def is_evaluated(run: Run, wanted: dict[str, Any], protocols: Collection[str] = ()) -> bool:
    """Whether result.json and the split's predictions both hold these protocols under the settings `wanted`.

    What an older version wrote does not say what the images held.
    """
    split = wanted["split"]
    held = run.outline.get("evaluation", {}).get(split, {})
    path = run.directory / split_name(PREDICTIONS, split)
    if not set(protocols) <= set(held.get("protocols", ())) or not path.is_file():
        return False
    # The two are written one after the other, so one may come from an earlier evaluation, or from another run.
    table, predicted = read_predictions(path)
    return (
        are_of_one_evaluation(predicted, held)
        and {f"{protocol}.scores" for protocol in protocols} <= set(table.column_names)
        and all(held.get(name, value if name == CONTENT else None) == value for name, value in wanted.items())
    )
