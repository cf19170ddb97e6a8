"""What to do next, the last line of a command: right for what was just made, with its cost."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.progress import QUARTER_HOUR, duration
from nearsight.statistics.writing import per_cent

if TYPE_CHECKING:
    from nearsight.repair.following import Following
    from nearsight.runs import Run
    from nearsight.study import Comparison

# A repair skips no tile.
SKIP_BLANK = "skip_blank"
_SAYS_FIRST = "says how long it takes before it begins"
_RELIES = "what it relies on, and where it errs"


def after_training(
    run: Path,
    evaluated: Mapping[str, Any],
    diagnosis: Callable[[], tuple[Mapping[str, int], float] | None] = lambda: None,
    tile: int | None = None,
) -> str:
    """Say what follows a trained run: its diagnosis, with options that do not make it too long.

    >>> after_training(Path("runs/a"), {"seconds": 165.0}, lambda: ({}, 605.0))
    'next: nearsight diagnose runs/a (what it relies on, and where it errs: about 10:05)'
    >>> after_training(Path("runs/a"), {"seconds": 30.0}, lambda: ({"stride": 16}, 819.0))
    'next: nearsight diagnose runs/a --stride 16 (what it relies on, and where it errs: about 13:39)'
    >>> after_training(Path("runs/a"), {"seconds": 3.0}, lambda: ({}, 65.0), tile=24)
    'next: nearsight diagnose runs/a --tile 24 (what it relies on, and where it errs: about 1:05)'
    >>> after_training(Path("runs/a"), {}).partition(",")[0]
    'next: nearsight report runs/a (its page: some seconds)'

    `evaluated` is what result.json says about the evaluation that was just done, empty if there was none.
    `diagnosis` measures how many seconds a diagnosis takes, and gives them after the options for one that is not too
    long; it is called only if a diagnosis is suggested. `tile` is the side of the tiles that it is to look at, for a
    network of whole images, which has none.
    """
    spent = evaluated.get("seconds")
    if spent is None:
        return after_evaluating(run, tile)
    shorter, seconds = diagnosis() or ({}, None)
    this = "this evaluation" if spent < 1 else f"the {duration(spent)} of this evaluation"
    cost = f"longer than {this}" if seconds is None else _about(seconds)
    asked = shlex.quote(str(run)) + _options(({} if tile is None else {"tile": tile}) | dict(shorter))
    return f"next: nearsight diagnose {asked} ({_RELIES}: {cost})"


def tile_of(run: "Run") -> int | None:
    """Return the side of tiles with which to look at a run's images; None for a network of tiles, which has its own.

    >>> tile_of(Run.open("runs/whole"))  # doctest: +SKIP
    24
    """
    from nearsight.report.page.going_on import tile_within

    if run.classifier().tile is not None:
        return None
    return tile_within(run.training.get("pixels_per_image", 0))


def after_evaluating(run: Path, tile: int | None = None) -> str:
    """Say what follows an evaluation that is kept in a directory of a run: its page, and then a diagnosis.

    >>> after_evaluating(Path("runs/a")).partition("), then ")[0]
    'next: nearsight report runs/a (its page: some seconds'
    >>> after_evaluating(Path("runs/a"), 24).partition("), then ")[2].partition(";")[0]
    'nearsight diagnose runs/a --tile 24 (what it relies on, and where it errs'

    `tile` is the side of the tiles to look at, for a network of whole images.
    """
    named, given = shlex.quote(str(run)), _options({} if tile is None else {"tile": tile})
    page = f"nearsight report {named} (its page: some seconds)"
    return f"next: {page}, then nearsight diagnose {named}{given} ({_RELIES}; {_SAYS_FIRST})"


def after_comparing(comparison: "Comparison") -> str | None:
    """Say what follows a comparison: more seeds if they would decide, or the question whether tiles are good enough.

    More seeds cost the training of the existing seeds again. None if the question is answered.
    """
    wanted = [answer.seeds for answer in comparison.good_enough if answer.seeds is not None]
    there = len(comparison.seeds)
    if wanted and max(wanted) > there:
        seconds = sum(sum(arm.cost.seconds) for arm in comparison.arms) / there * (max(wanted) - there)
        return (
            f"next: the same command with --seeds {max(wanted)} "
            f"(trains the seeds that are missing: about {duration(seconds)})"
        )
    if comparison.margin is not None:
        return None
    return (
        f"next: nearsight report {shlex.quote(str(comparison.directory))} --margin 1 "
        "(are tiles good enough, to within one point? some seconds)"
    )


def after_diagnosing(
    run: str,
    follows: "Following",
    seconds: float,
    out: str,
    repair: Callable[[], float | None] = lambda: None,
    diagnosis: Callable[[], float | None] = lambda: None,
    tiles: Mapping[str, int] | None = None,
) -> str:
    """Say what follows the diagnosis of a run (`repair.following`), with its cost.

    `out` is where the diagnosis is, and `tiles` are its options about tiles. `repair` and `diagnosis` measure how
    many seconds these take; each is called only if it is suggested.

    >>> from nearsight.repair.following import Following, Next
    >>> shortcut = Following(Next.REPAIR, 1)
    >>> after_diagnosing("runs/a", shortcut, 130.0, "a", repair=lambda: 425.0)
    'next: nearsight repair runs/a (diagnoses its training images and trains on: about 7:05)'
    >>> chosen = Following(Next.REPAIR, 1, chooses=True)
    >>> after_diagnosing("runs/a", chosen, 130.0, "more", repair=lambda: 305.0)
    'next: nearsight repair runs/a --diagnosis more (trains on without it: about 5:05)'
    >>> after_diagnosing("runs/a", chosen, 130.0, "more", repair=lambda: 1619.0).rpartition(" (")[2]
    'trains on without it: about 26:59; less with --no-again, which does not diagnose the test images)'
    >>> costly = Following(Next.REPAIR, 1, chooses=True, why="79 % may be right then")
    >>> after_diagnosing("runs/a", costly, 130.0, "more").rpartition(" (")[2]
    'trains on without it; 79 % may be right then)'
    >>> after_diagnosing("runs/a", Following(Next.BY_NAME, 1, True, "deer:1", "removes a suspect"), 130.0, "more")
    'next: nearsight repair runs/a --diagnosis more --verdicts deer:1 (removes a suspect)'
    >>> maps = Following(Next.MAPS)
    >>> after_diagnosing("runs/a", maps, 130.0, "a")
    'next: nearsight heatmap runs/a IMAGE (what speaks for each class in one image: some seconds)'
    >>> after_diagnosing("runs/a", maps, 130.0, "a", tiles={"tile": 24, "stride": 6}).partition(" (")[0]
    'next: nearsight heatmap runs/a IMAGE --tile 24'
    >>> after_diagnosing("runs/a", Following(Next.LOOK, name="deer:1", why="blurred is a suspect"), 130.0, "a")
    'next: nearsight heatmap runs/a IMAGE (look at images with deer:1: blurred is a suspect)'
    >>> more = Following(Next.MORE)
    >>> after_diagnosing("runs/a", more, 130.0, "a", diagnosis=lambda: 90.0).rpartition(" --out ")[2]
    'a-train (shortcuts alone, in more images: about 1:30)'
    >>> after_diagnosing("runs/a", more, 130.0, "a", tiles={"stride": 64, "skip_blank": 16}).partition(" --split")[0]
    'next: nearsight diagnose runs/a --stride 64 --skip-blank 16'
    """
    # Imported here: commands that look at no diagnosis need not wait for it.
    from nearsight.repair.following import Next

    named, given = shlex.quote(run), _options(tiles)
    if follows.next in (Next.REPAIR, Next.BY_NAME):
        expected = repair()
        does = [f"trains on without {'it' if follows.shortcuts == 1 else 'them'}", follows.why]
        cost = "" if expected is None else f": {_of_repair(expected)}"
        asked = f"{named} --diagnosis {shlex.quote(out)}"
        if follows.next is Next.BY_NAME:
            asked, does = f"{asked} --verdicts {shlex.quote(follows.name)}", [follows.why]
        elif not follows.chooses:
            asked = named + _options({name: one for name, one in (tiles or {}).items() if name != SKIP_BLANK})
            does[0] = "diagnoses its training images and trains on"
            cost = cost or f": longer than these {duration(seconds)}"
        return f"next: nearsight repair {asked} ({'; '.join(filter(None, does))}{cost})"
    if follows.next is Next.MORE:
        asked = f"{named}{given} --split train --parts verdicts --out {shlex.quote(f'{Path(out)}-train')}"
        expected = diagnosis()
        cost = "" if expected is None else f": {_about(expected)}"
        return f"next: nearsight diagnose {asked} (shortcuts alone, in more images{cost})"
    looked = _options({name: one for name, one in (tiles or {}).items() if name == "tile"})
    why = "what speaks for each class in one image: some seconds"
    if follows.next is Next.LOOK:
        why = f"look at images with {follows.name}: {follows.why}"
    return f"next: nearsight heatmap {named} IMAGE{looked} ({why})"


def after_repairing(
    run: Path,
    left: Sequence[str] | None,
    seconds: Callable[[], float | None] = lambda: None,
    tiles: Mapping[str, int] | None = None,
    before: str | None = None,
) -> str:
    """Say what follows a repair: whether the new run uses something else instead, or what is done with that.

    `left` are the names of classes whose shortcuts were found on the test images after the repair, None if that was
    not asked; `seconds` measures how long it takes to find out, with the options `tiles`. `before` is the run that
    was repaired, if no proven gain of the new one outweighs its cost.

    >>> after_repairing(Path("runs/a/repair/run"), None, lambda: 905.0, {"stride": 12})
    'next: nearsight diagnose runs/a/repair/run --stride 12 (does anything else decide? about 15:05)'
    >>> after_repairing(Path("runs/a/repair/run"), ["deer", "cat"])
    'next: nearsight repair runs/a/repair/run (test images still show shortcuts of deer, cat)'
    >>> after_repairing(Path("runs/a/repair/run"), [])
    'next: nearsight predict runs/a/repair/run IMAGES (no shortcut is found on the test images)'
    >>> after_repairing(Path("runs/a/repair/run"), [], before="runs/a")
    'next: nearsight predict runs/a IMAGES (with the run as it was: no proven gain of the repair outweighs its cost)'
    """
    if before is not None:
        return (
            f"next: nearsight predict {shlex.quote(before)} IMAGES "
            "(with the run as it was: no proven gain of the repair outweighs its cost)"
        )
    named = shlex.quote(str(run))
    if left is None:
        expected = seconds()
        cost = "as long as the first diagnosis" if expected is None else _about(expected)
        return f"next: nearsight diagnose {named}{_options(tiles)} (does anything else decide? {cost})"
    if left:
        classes = ", ".join(left)
        return (
            f"next: nearsight repair {named}{_options(tiles)} (test images still show shortcuts of {classes})"
        )
    return f"next: nearsight predict {named} IMAGES (no shortcut is found on the test images)"


def _options(tiles: Mapping[str, int] | None) -> str:
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in (tiles or {}).items())


def _of_repair(seconds: float) -> str:
    less = "; less with --no-again, which does not diagnose the test images" if seconds > QUARTER_HOUR else ""
    return f"{_about(seconds)}{less}"


def _about(seconds: float) -> str:
    return f"about {duration(max(1.0, seconds))}"


def after_predicting(run: str, least: tuple[str, float, int] | None, tile: int | None = None) -> str:
    """Say what follows predictions of a run: the map of the least certain of those that were looked at.

    >>> after_predicting("runs/a", ("new photos/1.jpg", 0.031, 20)).partition(" (what speaks for ")[2]
    'the least certain of 20 predictions, 3.1\\xa0% ahead of the next class: some seconds)'
    >>> after_predicting("runs/a", ("1.jpg", 0.984, 1)).partition(" (what speaks for ")[2]
    'this prediction, 98.4\\xa0% ahead of the next class: some seconds)'
    >>> after_predicting("runs/a", None, tile=24)
    'next: nearsight heatmap runs/a IMAGE --tile 24 (what speaks for its prediction: some seconds)'

    `least` is the file of the least certain image, its margin, and among how many; None if no image is a file. `tile`
    is the side of the tiles to look at, for a network of whole images.
    """
    given = _options({} if tile is None else {"tile": tile})
    image, which = "IMAGE", "its prediction"
    if least is not None:
        file, margin, among = least
        one = "this prediction" if among == 1 else f"the least certain of {among:,} predictions"
        image, which = shlex.quote(file), f"{one}, {per_cent(margin)} ahead of the next class"
    return (
        f"next: nearsight heatmap {shlex.quote(run)} {image}{given} (what speaks for {which}: some seconds)"
    )


def after_exporting(file: str) -> str:
    """Say what follows an export: predictions from the file, which no longer use attention if the run's do.

    >>> after_exporting("runs/a/model.onnx")
    'next: nearsight predict IMAGES --model runs/a/model.onnx (predictions from the file, without the run)'
    """
    return f"next: nearsight predict IMAGES --model {shlex.quote(file)} (predictions from the file, without the run)"


def after_reading(data: str, read: str = "") -> str:
    """Say what follows a look at a set: a network, of images that are `read` with the same options.

    >>> after_reading("photos")
    'next: nearsight train photos (chooses a recipe, and shows the time left)'
    >>> after_reading("photos", " --skip-bad").partition(" (")[0]
    'next: nearsight train photos --skip-bad'
    """
    return f"next: nearsight train {shlex.quote(data)}{read} (chooses a recipe, and shows the time left)"


def after_packing(data: str) -> str:
    """Say what follows a packed copy of a set: a network.

    >>> after_packing("packed")
    'next: nearsight train packed --tile 64 (every command takes it in the place of the set)'
    """
    return f"next: nearsight train {shlex.quote(data)} --tile 64 (every command takes it in the place of the set)"


def after_mapping(run: str, tile: int | None = None) -> str:
    """Say what follows maps of single images, with the `tile` that was given: whether what they show holds for all.

    >>> after_mapping("runs/a").partition(" (")[0], after_mapping("runs/whole", 24).partition(" (")[0]
    ('next: nearsight diagnose runs/a', 'next: nearsight diagnose runs/whole --tile 24')
    """
    why = "does it look there in every image, and does that matter?"
    given = _options({} if tile is None else {"tile": tile})
    return f"next: nearsight diagnose {shlex.quote(run)}{given} ({why} {_SAYS_FIRST})"


def after_measuring(data: str, tiles: Sequence[str], read: str = "") -> str:
    """Say what follows the dimensions of tiles: whether accuracy has the order that they predict.

    >>> after_measuring("photos", ["16", "full"]).partition(" (")[0]
    'next: nearsight compare photos --tiles 16,full'
    """
    asked = f"{shlex.quote(data)} --tiles {','.join(tiles)}{read}"
    return f"next: nearsight compare {asked} (does accuracy follow the predicted order? {_SAYS_FIRST})"


def after_embedding(file: str) -> str:
    """Say what follows embeddings: how they are read.

    >>> after_embedding("tiles.parquet")
    "next: pandas.read_parquet('tiles.parquet') in Python (a row for each tile: image, place, label, embedding)"
    """
    return (
        f"next: pandas.read_parquet({file!r}) in Python (a row for each tile: image, place, label, embedding)"
    )


def after_cross_validating(data: str, read: str = "") -> str:
    """Say what follows a cross-validation: one network of all images.

    >>> after_cross_validating("photos").partition(" (")[0]
    'next: nearsight train photos'
    """
    asked = f"{shlex.quote(data)}{read}"
    return f"next: nearsight train {asked} (one network to use, of all training images; {_SAYS_FIRST})"
