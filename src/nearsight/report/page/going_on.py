"""How a reader of a page goes on from there: the next command, and why."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nearsight.diagnosis import Diagnosis
from nearsight.dimension import Dimension
from nearsight.repair import Repair
from nearsight.repair.following import Next, what_follows
from nearsight.settings import Recipe
from nearsight.settings.models import ONNX, TIMM
from nearsight.study import Comparison

_WHERE = "DIR is the directory of this page"


@dataclass(frozen=True)
class Step:
    """A command that can be typed, and in a few words what it is for."""

    command: str
    why: str


def tile_within(pixels: int) -> int:
    """Return the side of tiles with which to look at whole images of so many pixels: about a quarter of their side.

    >>> tile_within(96 * 96), tile_within(224 * 224), tile_within(28 * 28), tile_within(8 * 8)
    (24, 56, 8, 4)

    `pixels` is 0 if nothing was trained; then it is 8.
    """
    side = math.sqrt(pixels)
    quarter = max(8, round(side / 16) * 4)
    return min(quarter, int(side / 2) or quarter)


def after_run(recipe: Recipe, pixels: int) -> Step:
    """Return what can be done with a run, in DIR, the directory of its page; `pixels` are those of an image or tile.

    >>> after_run(Recipe(tile=16), 256).command, after_run(Recipe(tile=None), 96 * 96).command
    ('nearsight diagnose DIR', 'nearsight diagnose DIR --tile 24')
    """
    whole = recipe.tile is None and recipe.model_tile is None and recipe.tile_schedule is None
    tile = f" --tile {tile_within(pixels)}" if whole else ""
    return Step(f"nearsight diagnose DIR{tile}", f"what it relies on, and where it errs; {_WHERE}")


def after_diagnosis(diagnosis: Diagnosis) -> tuple[Step, ...]:
    """Return what can be done after a diagnosis of a run; nothing for one that a command did not make of a run.

    >>> after_diagnosis(Diagnosis.load("diagnoses/scenes"))  # doctest: +SKIP
    (Step(command='nearsight repair runs/scenes', why='trains a new run without what is proven'),)
    """
    typed = shlex.split(diagnosis.command) if diagnosis.command else []
    options = {one.partition("=")[0] for one in typed}
    # A model may be named in the place of a run, too.
    of_run = "--model" not in options and Path(diagnosis.model).suffix != ONNX
    if typed[1:2] != ["diagnose"] or not of_run or diagnosis.model.startswith(TIMM):
        return ()
    run = shlex.quote(diagnosis.model)
    # A network of whole images has no tile of its own.
    tile = "" if diagnosis.tile == diagnosis.trained_tile else f" --tile {diagnosis.tile}"
    given = f"{tile} --stride {diagnosis.stride}"
    look = Step(f"nearsight heatmap {run} IMAGE{tile}", "what speaks for each class in one image")
    own = not _other_data(typed, diagnosis.model)
    follows = what_follows(diagnosis, own=own, drawn="--images" in options)
    if follows.next is Next.REPAIR:
        why, costs = "trains a new run without what is proven", f"; {follows.why}" if follows.why else ""
        if follows.chooses:
            return Step(f"nearsight repair {run} --diagnosis DIR", f"{why}{costs}; {_WHERE}"), look
        return Step(f"nearsight repair {run}{given}", f"{why} on its training images{costs}"), look
    if follows.next is Next.BY_NAME:
        name = shlex.quote(follows.name)
        return Step(
            f"nearsight repair {run} --diagnosis DIR --verdicts {name}", f"{follows.why}; {_WHERE}"
        ), look
    if follows.next is Next.MORE:
        more = f"nearsight diagnose {run}{given} --split train --parts verdicts"
        return Step(more, "looks for shortcuts in the training images, which are more"), look
    if follows.next is Next.LOOK:
        return (replace(look, why=f"look at images with {follows.name}: {follows.why}"),)
    return (look,)


def _other_data(typed: Sequence[str], run: str) -> bool:
    """Say whether a command names images behind its run, which are not the run's own.

    >>> [_other_data(f"nearsight diagnose {given}".split(), "a") for given in ("a", "a new", "a --seed 1")]
    [False, True, False]
    """
    behind = typed[typed.index(run) + 1 :][:1] if run in typed else []
    return any(not one.startswith("-") for one in behind)


def after_repair(repair: Repair) -> Step:
    """Return what can be done with the new run of a repair, in DIR, the directory of its page.

    >>> after_repair(Repair.load("repairs/scenes")).command  # doctest: +SKIP
    'nearsight predict DIR/run IMAGES'
    """
    if not repair.pays:
        return Step(
            "nearsight predict RUN IMAGES",
            f"RUN is {repair.run}, the run as it was: no proven gain of the repair outweighs its cost",
        )
    if repair.still_shortcuts is None:
        return Step("nearsight diagnose DIR/run", f"does anything else decide? {_WHERE}")
    if repair.still_shortcuts:
        return Step("nearsight repair DIR/run", f"test images still show a shortcut; {_WHERE}")
    why = "uses the new run, of which no shortcut is found on the test images"
    return Step("nearsight predict DIR/run IMAGES", f"{why}; {_WHERE}")


def after_heatmaps(command: str, tile: int) -> tuple[Step, ...]:
    """Return what can be done after maps of single images that a command made of a run; nothing after others.

    >>> [step.command for step in after_heatmaps("nearsight heatmap runs/a owl.jpg --class owl", 16)]
    ['nearsight diagnose runs/a']
    >>> [step.command for step in after_heatmaps("nearsight heatmap runs/whole owl.jpg --tile=24", 24)]
    ['nearsight diagnose runs/whole --tile 24']
    >>> after_heatmaps("nearsight heatmap owl.jpg --model timm:resnet18", 24), after_heatmaps("", 24)
    ((), ())
    """
    typed = shlex.split(command)
    options = {one.partition("=")[0] for one in typed}
    # Without --model, RUN is given, and stands first; options in front of it, in older files, hide which word it is.
    if typed[1:2] != ["heatmap"] or "--model" in options or typed[2].startswith("-"):
        return ()
    why = "does it look there in every image, and does that matter?"
    given = f" --tile {tile}" if "--tile" in options else ""
    return (Step(f"nearsight diagnose {shlex.quote(typed[2])}{given}", why),)


def after_dimension(dimension: Dimension) -> tuple[Step, ...]:
    """Return what can be done after the dimensions that a command measured; nothing more with a comparison.

    >>> from dataclasses import replace
    >>> found = Dimension.load("docs/results/dimension/cifar10")
    >>> after_dimension(replace(found, command="nearsight dimension cifar10", comparison=None))[0].command
    'nearsight compare cifar10 --tiles 4,8,12,16,24,full'
    """
    typed = shlex.split(dimension.command)
    # DATA stands first; options in front of it, in older files, hide which word it is.
    if dimension.comparison is not None or typed[1:2] != ["dimension"] or typed[2].startswith("-"):
        return ()
    tiles = ",".join(row.label for row in dimension.tiles)
    why = "does accuracy follow the predicted order?"
    return (Step(f"nearsight compare {shlex.quote(typed[2])} --tiles {tiles}", why),)


def after_comparison(comparison: Comparison) -> tuple[Step, ...]:
    """Return what can be asked of a comparison, in DIR, the directory of its page: nothing more with a margin.

    >>> [step.command for step in after_comparison(Comparison.load("docs/results/cifar10"))]
    ['nearsight report DIR --margin 1']
    """
    if comparison.margin is not None:
        return ()
    return (Step("nearsight report DIR --margin 1", f"are tiles good enough, to within one point? {_WHERE}"),)
