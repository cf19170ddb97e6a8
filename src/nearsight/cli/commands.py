"""One function for each command, and beside it the one that declares its options."""

from argparse import BooleanOptionalAction, Namespace
from typing import Any, get_args

from nearsight.cli.options import (
    Container,
    OneLineParser,
    add_choice,
    add_machine_options,
    add_recipe_options,
    add_sampling_options,
    parse_memory,
    recipe_fields,
    sampling_fields,
    whole_number,
)
from nearsight.errors import InputError

Result = dict[str, Any]

DEMO_OUT = "nearsight-demo"
HEATMAP_OUT = "heatmaps"
_DATA = "a known name, an image folder, a Parquet file or directory, or hf:OWNER/NAME[@REVISION]"


def declare_demo(parser: OneLineParser) -> None:
    """Declare the options of `nearsight demo`."""
    parser.add_argument(
        "--out", default=DEMO_OUT, metavar="DIR", help=f"where its results go (default: {DEMO_OUT})"
    )


def demo(options: Namespace) -> Result:
    """Compare tiles with whole images on the generated scenes, and say what to try next."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_comparison, print_lines

    with ProgressDisplay() as display:
        display.say("tiles against whole images on generated scenes; under three minutes on two cores")
        comparison = verbs.demo(options.out, reporter=display, progress=display.count)
    if not options.json:
        print_comparison(comparison)
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


def declare_data(parser: OneLineParser) -> None:
    """Declare the options of `nearsight data`."""
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help=f"{_DATA}; without it, the known names are listed"
    )
    parser.add_argument(
        "--validation",
        type=float,
        default=0.1,
        metavar="X",
        help="share of train cut off for validation where the set has no such split (default: 0.1)",
    )
    parser.add_argument(
        "--seed", type=whole_number("--seed", 0), default=0, metavar="N", help="fixes the cuts (default: 0)"
    )
    _add_skip_bad(parser)


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
        print_lines(
            [
                f"classes: {shown}",
                f"largest tile that fits every image: {summary['largest_tile']}",
                *(f"note: {note}" for note in summary["notes"]),
            ]
        )
    return summary


def declare_train(parser: OneLineParser) -> None:
    """Declare the options of `nearsight train`."""
    machine = _declare_training(parser, out="runs/DATA-MODEL-tile-TILE-seed-SEED")
    machine.add_argument(
        "--devices",
        type=whole_number("--devices", 1),
        default=1,
        metavar="N",
        help="training processes, one a device (default: 1)",
    )
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


def declare_compare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight compare`."""
    from nearsight.evaluation import PROTOCOLS
    from nearsight.study import Budget

    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--tiles",
        default="16,24,full",
        metavar="N,…,full",
        help="sides of the tiles in pixels; 'full' adds whole images, without and with the usual "
        "augmentation (default: 16,24,full)",
    )
    group.add_argument(
        "--seeds",
        type=whole_number("--seeds", 1),
        default=3,
        metavar="N",
        help="runs of each arm (default: 3)",
    )
    add_choice(
        group, "--budget", get_args(Budget), default="steps", text="what is held equal between the arms"
    )
    group.add_argument(
        "--protocols",
        default=None,
        metavar="NAME,…",
        help=f"of the tile arms: {', '.join(PROTOCOLS)} (default: all)",
    )
    _declare_training(parser, out="comparisons/DATA-RECIPE-BUDGET")
    add_recipe_options(parser, without=("tile",))


def compare(options: Namespace) -> Result:
    """Compare training on tiles with training on whole images."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_comparison
    from nearsight.study import parse_tiles

    with ProgressDisplay() as display:
        comparison = verbs.compare(
            options.data,
            tiles=parse_tiles(options.tiles),
            seeds=options.seeds,
            budget=options.budget,
            recipe=options.recipe,
            out=options.out,
            resume=options.resume,
            protocols=_listed(options.protocols),
            stride=options.stride,
            skip_bad=options.skip_bad,
            machine=_machine(options),
            reporter=display,
            progress=display.count,
            **recipe_fields(options),
        )
    if not options.json:
        print_comparison(comparison)
    return comparison.to_json()


def declare_evaluate(parser: OneLineParser) -> None:
    """Declare the options of `nearsight evaluate`."""
    from nearsight.evaluation import PROTOCOLS

    parser.add_argument("run", metavar="RUN", help="a directory that `nearsight train` wrote")
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="other data with the same classes, whose figures are printed and kept only with --out",
    )
    parser.add_argument("--split", default="test", metavar="NAME", help="what to evaluate on (default: test)")
    parser.add_argument(
        "--protocols",
        default=None,
        metavar="NAME,…",
        help=f"{', '.join(PROTOCOLS)} (default: all; full-pass alone for a run on whole images)",
    )
    parser.add_argument(
        "--tile",
        type=whole_number("--tile", 1),
        default=None,
        metavar="N",
        help="side of the tiles in pixels (default: the one trained on)",
    )
    _add_stride(parser)
    _add_grid(parser)
    parser.add_argument(
        "--reestimate",
        action="store_true",
        help="add full-pass+bn: full-pass with BatchNorm statistics of whole training images",
    )
    _add_memory(parser)
    parser.add_argument(
        "--out", default=None, metavar="DIR", help="where figures and predictions go (default: RUN)"
    )
    _add_skip_bad(parser)
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


def declare_heatmap(parser: OneLineParser) -> None:
    """Declare the options of `nearsight heatmap`."""
    from nearsight.training.machine import Device

    parser.add_argument(
        "run", metavar="RUN", help="a directory that `nearsight train` wrote; left out with --model"
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image files")
    parser.add_argument(
        "--class",
        dest="class_name",
        default=None,
        metavar="NAME",
        help="a class to show before the predicted one (default: the true one, where an image's directory has "
        "a class's name)",
    )
    _add_published(parser)
    parser.add_argument(
        "--stride",
        type=whole_number("--stride", 1),
        default=None,
        metavar="N",
        help="step of the tile grid in pixels; a smaller one is the only smoothing (default: a quarter of "
        "the tile)",
    )
    _add_grid(parser)
    _add_memory(parser)
    parser.add_argument(
        "--out",
        default=HEATMAP_OUT,
        metavar="DIR",
        help=f"where figures and maps go (default: {HEATMAP_OUT})",
    )
    add_choice(parser, "--device", get_args(Device), default="auto", text="where to run")


def heatmap(options: Namespace) -> Result:
    """Draw the evidence of images, tile by tile, and print their mean logits and strongest tiles."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_heatmaps
    from nearsight.training import Machine

    places = [options.run, *options.images]
    model = options.model if options.model is not None else places.pop(0)
    with ProgressDisplay() as display:
        heatmaps = verbs.heatmap(
            model,
            places,
            class_name=options.class_name,
            tile=options.tile,
            stride=options.stride,
            grid=options.grid,
            pretrained=options.pretrained,
            memory=parse_memory(options.memory),
            out=options.out,
            machine=Machine(device=options.device),
            reporter=display,
            progress=display.count,
        )
    if not options.json:
        print_heatmaps(heatmaps, options.out)
    return {"out": options.out, **heatmaps.to_json()}


def declare_diagnose(parser: OneLineParser) -> None:
    """Declare the options of `nearsight diagnose`."""
    from nearsight.diagnosis import FAITHFULNESS_IMAGES

    parser.add_argument(
        "run", metavar="RUN", help="a directory that `nearsight train` wrote; left out with --model"
    )
    parser.add_argument("data", nargs="?", metavar="DATA", help=f"by default the run's own set; {_DATA}")
    parser.add_argument("--split", default="test", metavar="NAME", help="images to examine (default: test)")
    _add_published(parser)
    _add_stride(parser)
    _add_grid(parser)
    parser.add_argument(
        "--images",
        type=whole_number("--images", 1),
        default=None,
        metavar="N",
        help="examine so many images, drawn at random (default: all)",
    )
    parser.add_argument(
        "--faithfulness",
        type=whole_number("--faithfulness", 0),
        default=FAITHFULNESS_IMAGES,
        metavar="N",
        help=f"images on which the maps are checked, 0 for none (default: {FAITHFULNESS_IMAGES})",
    )
    _add_memory(parser)
    parser.add_argument(
        "--out",
        default=None,
        metavar="DIR",
        help="where the page and tables go (default: diagnoses/RUN-DATA)",
    )
    _add_skip_bad(parser)
    add_machine_options(parser)


def diagnose(options: Namespace) -> Result:
    """Diagnose a classifier, and print the summary."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_diagnosis
    from nearsight.training import Machine

    model, data = options.run, options.data
    if options.model is not None:
        if data is not None:
            raise InputError(
                f"with --model there is no run, so '{options.run}' and '{data}' are one too many"
            )
        model, data = options.model, options.run
    out = options.out if options.out is not None else str(verbs.default_diagnosis(model, data))
    with ProgressDisplay() as display:
        found = verbs.diagnose(
            model,
            data,
            split=options.split,
            tile=options.tile,
            stride=options.stride,
            grid=options.grid,
            images=options.images,
            faithfulness=options.faithfulness,
            pretrained=options.pretrained,
            memory=parse_memory(options.memory),
            out=out,
            skip_bad=options.skip_bad,
            machine=Machine(device=options.device, workers=options.workers),
            reporter=display,
            progress=display.work,
        )
    if not options.json:
        print_diagnosis(found, out)
    return {"out": out, **found.to_json()}


def declare_dimension(parser: OneLineParser) -> None:
    """Declare the options of `nearsight dimension`."""
    from nearsight.training.machine import Device

    parser.add_argument("data", metavar="DATA", help=_DATA)
    parser.add_argument(
        "--tiles",
        default=None,
        metavar="N,…,full",
        help="sides of the tiles in pixels, 'full' for whole images (default: an eighth, a quarter, three "
        "eighths, a half and three quarters of the smallest side, and full)",
    )
    parser.add_argument(
        "--comparison",
        default=None,
        metavar="DIR",
        help="a directory that `nearsight compare` wrote: predicted and measured order side by side",
    )
    parser.add_argument(
        "--out", default=None, metavar="DIR", help="where figure and figures go (default: dimensions/DATA)"
    )
    add_sampling_options(parser)
    _add_skip_bad(parser)
    add_choice(parser, "--device", get_args(Device), default="auto", text="where to run")


def dimension(options: Namespace) -> Result:
    """Measure the dimensions of a set's tiles, and print what was found."""
    from nearsight import verbs
    from nearsight.cli.show import ProgressDisplay, print_dimension
    from nearsight.study import Sampling, parse_tiles
    from nearsight.training import Machine

    out = options.out if options.out is not None else str(verbs.default_dimension(options.data))
    with ProgressDisplay() as display:
        found = verbs.dimension(
            options.data,
            tiles=None if options.tiles is None else parse_tiles(options.tiles),
            comparison=options.comparison,
            sampling=Sampling(**sampling_fields(options)),
            out=out,
            skip_bad=options.skip_bad,
            machine=Machine(device=options.device),
            reporter=display,
            progress=display.searched,
        )
    if not options.json:
        print_dimension(found, out)
    return {"out": out, **found.to_json()}


def _add_published(parser: OneLineParser) -> None:
    parser.add_argument(
        "--model",
        type=_published_name,
        default=None,
        metavar="timm:NAME",
        help="instead of a run, a network of timm with its published weights, preprocessing and classes",
    )
    parser.add_argument(
        "--pretrained",
        action=BooleanOptionalAction,
        default=True,
        help="of --model: published weights, or initial ones as a control (default: yes)",
    )
    parser.add_argument(
        "--tile",
        type=whole_number("--tile", 1),
        default=None,
        metavar="N",
        help="side of the tiles in pixels (default: the one trained on; needed with --model)",
    )


def _published_name(name: str) -> str:
    from nearsight.models.build import TIMM

    if not name.startswith(TIMM):
        raise InputError(f"--model takes {TIMM}NAME, got '{name}'; a run is given without --model")
    return name


def _declare_training(parser: OneLineParser, out: str) -> Container:
    parser.add_argument("data", metavar="DATA", help=_DATA)
    parser.add_argument("--out", default=None, metavar="DIR", help=f"where the results go (default: {out})")
    parser.add_argument("--resume", action="store_true", help="continue, or complete, what --out holds")
    _add_stride(parser)
    _add_skip_bad(parser)
    machine = add_machine_options(parser)
    machine.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=60.0,
        metavar="X",
        help="time between checkpoints (default: 60)",
    )
    return machine


def _add_grid(parser: OneLineParser) -> None:
    from nearsight.tiles.grid import GridKind

    add_choice(
        parser,
        "--grid",
        get_args(GridKind),
        default="covering",
        text="aligned: tiles at multiples of the stride; covering: also flush with the far edges",
    )


def _add_memory(parser: OneLineParser) -> None:
    parser.add_argument(
        "--memory", default="1G", metavar="SIZE", help="bound on what is worked on at once (default: 1G)"
    )


def _add_stride(parser: OneLineParser) -> None:
    parser.add_argument(
        "--stride",
        type=whole_number("--stride", 1),
        default=None,
        metavar="N",
        help="step of the tile grid in pixels (default: a quarter of the tile)",
    )


def _add_skip_bad(parser: OneLineParser) -> None:
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")


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
