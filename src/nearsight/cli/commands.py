"""One function for each command, and beside it the one that declares its options."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from nearsight.cli.options import (
    add_machine_options,
    add_recipe_options,
    parse_memory,
    recipe_fields,
)

Result = dict[str, Any]


def declare_demo(parser: ArgumentParser) -> None:
    """Declare the options of `nearsight demo`."""
    parser.add_argument("--out", default="nearsight-demo", metavar="DIR", help="where its results go")


def demo(options: Namespace) -> Result:
    """Compare tiles with whole images on the generated scenes, and say what to try next."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_comparison, print_lines

    with ProgressDisplay() as display:
        display.say("tiles against whole images on generated scenes; about three minutes on two cores")
        comparison = verbs.demo(options.out, reporter=display)
    if not options.json:
        print_comparison(comparison, Path(options.out))
        print_lines(
            [
                "",
                "Next:",
                "  nearsight data cifar10                                        what a set holds",
                "  nearsight compare cifar10 --tiles 16,full --recipe fast       the paper's question",
                "  nearsight train FOLDER --tile 16                              your own images",
            ]
        )
    return comparison.to_json()


def declare_data(parser: ArgumentParser) -> None:
    """Declare the options of `nearsight data`."""
    parser.add_argument("data", nargs="?", metavar="DATA", help="a name, folder, Parquet or hf:OWNER/NAME")
    parser.add_argument("--validation", type=float, default=0.1, metavar="X", help="share cut off train")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="fixes the cuts")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")


def data(options: Namespace) -> Result:
    """Print what a data set holds, or the names that are known."""
    from nearsight.cli.show import print_lines, print_table
    from nearsight.data import known_names, load, summarise

    if options.data is None:
        names = list(known_names())
        if not options.json:
            print_lines([*names, "", "or an image folder, a Parquet file or directory, hf:OWNER/NAME[@REV]"])
        return {"names": names}
    sets = load(options.data, validation=options.validation, seed=options.seed, skip_bad=options.skip_bad)
    summary = summarise(sets)
    if not options.json:
        rows = []
        for split, measured in summary["splits"].items():
            heights, widths = measured["heights"], measured["widths"]
            regions = measured["regions"]
            rows.append(
                [
                    split,
                    f"{measured['images']:,}",
                    _range(measured["class_counts"]),
                    _sizes(heights, widths),
                    str(measured["largest_tile"]),
                    "memory" if measured["in_memory"] else "streamed",
                    f"{regions['known']:,} {regions['kind']}" if regions["kind"] else "none",
                ]
            )
        columns = ["split", "images", "a class", "height×width", "largest tile", "held", "regions"]
        classes = summary["classes"]
        print_table(f"{summary['name']}: {len(classes)} classes", columns, rows)
        shown = ", ".join(classes[:20]) + (f" and {len(classes) - 20} more" if len(classes) > 20 else "")
        print_lines([f"classes: {shown}", f"largest tile that fits every image: {summary['largest_tile']}"])
        print_lines([f"note: {note}" for note in summary["notes"]])
    return summary


def declare_train(parser: ArgumentParser) -> None:
    """Declare the options of `nearsight train`."""
    _declare_training(parser)
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="training processes")
    add_recipe_options(parser)


def train(options: Namespace) -> Result:
    """Train a run and evaluate it on the test split."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_lines, print_training

    with ProgressDisplay() as display:
        run = verbs.train(
            options.data,
            recipe=options.recipe,
            out=options.out,
            resume=options.resume,
            stride=options.stride,
            skip_bad=options.skip_bad,
            machine=_machine(options),
            reporter=display,
            progress=display.count,
            **recipe_fields(options),
        )
    if verbs.is_first_process() and not options.json:
        print_training(run.result)
        print_lines([f"run: {run.directory}", f"next: nearsight evaluate {run.directory} --stride 1"])
    return {"run": str(run.directory), **run.result}


def declare_compare(parser: ArgumentParser) -> None:
    """Declare the options of `nearsight compare`."""
    _declare_training(parser)
    parser.add_argument("--tiles", default="16,24,full", metavar="N,…,full", help="sizes to compare")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each arm")
    parser.add_argument("--budget", choices=("steps", "pixels"), default="steps", help="what is held equal")
    parser.add_argument("--protocols", default=None, metavar="NAME,…", help="protocols to evaluate")
    add_recipe_options(parser, without=("tile",))


def compare(options: Namespace) -> Result:
    """Compare training on tiles with training on whole images."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_comparison
    from nearsight.study import parse_tiles

    chosen = verbs.default_comparison(options.data, options.recipe, options.budget)
    directory = Path(options.out) if options.out else chosen
    with ProgressDisplay() as display:
        comparison = verbs.compare(
            options.data,
            tiles=parse_tiles(options.tiles),
            seeds=options.seeds,
            budget=options.budget,
            recipe=options.recipe,
            out=directory,
            resume=options.resume,
            protocols=_listed(options.protocols),
            stride=options.stride,
            skip_bad=options.skip_bad,
            machine=_machine(options),
            reporter=display,
            **recipe_fields(options),
        )
    if not options.json:
        print_comparison(comparison, directory)
    return comparison.to_json()


def declare_evaluate(parser: ArgumentParser) -> None:
    """Declare the options of `nearsight evaluate`."""
    parser.add_argument("run", metavar="RUN", help="a directory that `nearsight train` wrote")
    parser.add_argument("data", nargs="?", metavar="DATA", help="other data with the same classes")
    parser.add_argument("--split", default="test", help="split to evaluate on (default: test)")
    parser.add_argument("--protocols", default=None, metavar="NAME,…", help="default: all five")
    parser.add_argument("--tile", type=int, default=None, metavar="N", help="default: the one trained on")
    parser.add_argument(
        "--stride", type=int, default=None, metavar="N", help="default: a quarter of the tile"
    )
    parser.add_argument("--grid", choices=("aligned", "covering"), default="covering", help="tile grid")
    parser.add_argument("--reestimate", action="store_true", help="add full-pass+bn: BatchNorm re-estimated")
    parser.add_argument("--memory", type=str, default="1G", metavar="SIZE", help="bound on what is worked on")
    parser.add_argument("--out", default=None, metavar="DIR", help="keep figures and predictions here")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    add_machine_options(parser)


def evaluate(options: Namespace) -> Result:
    """Evaluate a trained run on a split of its own data or of other data."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_evaluation
    from nearsight.training import Machine

    with ProgressDisplay() as display:
        result = verbs.evaluate(
            options.run,
            options.data,
            split=options.split,
            protocols=_listed(options.protocols),
            tile=options.tile,
            stride=options.stride,
            grid=options.grid,
            reestimate=options.reestimate,
            memory=parse_memory(options.memory),
            out=options.out,
            skip_bad=options.skip_bad,
            machine=Machine(device=options.device, workers=options.workers),
            progress=display.count,
        )
    if not options.json:
        print_evaluation(result.figures, result.settings)
    return {**result.settings, "protocols": dict(result.figures)}


def _declare_training(parser: ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="a name, folder, Parquet or hf:OWNER/NAME[@REV]")
    parser.add_argument("--out", default=None, metavar="DIR", help="where the results go")
    parser.add_argument("--resume", action="store_true", help="continue what --out holds")
    parser.add_argument("--stride", type=int, default=None, metavar="N", help="of the evaluation's tile grid")
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=60.0, metavar="X", help="time between checkpoints"
    )
    add_machine_options(parser)


def _machine(options: Namespace) -> Any:
    from nearsight.training import Machine

    return Machine(
        device=options.device,
        devices=getattr(options, "devices", 1),
        workers=options.workers,
        checkpoint_seconds=options.checkpoint_seconds,
    )


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sizes(heights: dict[str, int], widths: dict[str, int]) -> str:
    smallest, largest = (f"{heights[key]}×{widths[key]}" for key in ("smallest", "largest"))
    return smallest if smallest == largest else f"{smallest} to {largest}"
