"""Options that several commands share, declared once."""

from argparse import BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from nearsight.cli.options import (
    Container,
    OneLineParser,
    add_choice,
    add_machine_options,
    listed,
    parse_memory,
    whole_number,
)
from nearsight.cli.reading_options import add_reading_options
from nearsight.errors import InputError, shortened
from nearsight.read import is_directory
from nearsight.settings import GridKind, Machine
from nearsight.settings.choices import DEFAULT_BLANK, DEFAULT_GRID, DEFAULT_MEMORY
from nearsight.settings.machine import LoggerName
from nearsight.settings.models import MODELS, ONNX, TIMM
from nearsight.settings.pooled import DEFAULT_TOP_K, POOLINGS, Pooling, PoolingName

if TYPE_CHECKING:
    from nearsight.verbs.binding import ModelOptions

DATA = "a known name, an image folder, a table of files and labels, Parquet, tar files, or hf:OWNER/NAME[@REVISION]"


def declare_training(parser: OneLineParser, out: str) -> Container:
    """Declare what commands that train share, and return the group of machine options."""
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument("--out", default=None, metavar="DIR", help=f"where the results go (default: {out})")
    parser.add_argument("--resume", action="store_true", help="continue what was begun in --out")
    add_stride(parser)
    add_reading_options(parser)
    machine = add_machine_options(parser)
    add_checkpoint_seconds(machine)
    add_log(machine)
    return machine


def add_checkpoint_seconds(container: Container) -> None:
    """Add `--checkpoint-seconds`."""
    container.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=Machine.checkpoint_seconds,
        metavar="X",
        help=f"time between checkpoints (default: {Machine.checkpoint_seconds:g})",
    )


def add_log(container: Container) -> None:
    """Add `--log`."""
    names = get_args(LoggerName)
    container.add_argument(
        "--log",
        default=None,
        metavar="NAME,…",
        help=f"{' or '.join(names)}: also send the rows of metrics there (docs/scale.md)",
    )


def add_folds(container: Container) -> None:
    """Add `--folds`."""
    container.add_argument(
        "--folds",
        type=whole_number("--folds", 2),
        default=None,
        metavar="N",
        help="cross-validation for small sets: N parts of train, each tested by a network trained on the others",
    )


def machine_of(options: Namespace) -> Machine:
    """Return the machine that the options of a command that trains describe."""
    return Machine(
        device=options.device,
        devices=getattr(options, "devices", 1),
        workers=options.workers,
        sync_batch_norm=getattr(options, "sync_batch_norm", None),
        checkpoint_seconds=options.checkpoint_seconds,
        log=cast(tuple[LoggerName, ...], tuple(listed(options.log) or ())),
    )


def add_run_or_model(parser: OneLineParser) -> None:
    """Add RUN, the options for another model in its place, and `--tile`."""
    parser.add_argument(
        "run", metavar="RUN", help="a directory written by `nearsight train`; omit it with --model"
    )
    parser.add_argument(
        "--model",
        type=_model_name,
        default=None,
        metavar="NAME|FILE",
        help="instead of a run: timm:NAME, timm:hf-hub:OWNER/NAME or timm:local-dir:DIR with its published weights, "
        "preprocessing and classes; FILE.onnx; or, with --weights, one of our networks",
    )
    parser.add_argument(
        "--weights",
        default=None,
        metavar="FILE",
        help="with --model: a file of weights, safetensors or from torch.save",
    )
    parser.add_argument(
        "--classes",
        default=None,
        metavar="FILE|NAME,…",
        help="names of the model's classes, in its order: separated by commas, or a file with one per line or JSON",
    )
    parser.add_argument(
        "--pretrained",
        action=BooleanOptionalAction,
        default=True,
        help="with --model: use published weights; without them initial weights, as a control (default: yes)",
    )
    parser.add_argument(
        "--tile",
        type=whole_number("--tile", 1),
        default=None,
        metavar="N",
        help="side of the tiles in pixels (default: as trained; most models given by --model need it)",
    )
    add_pooling(parser)


def add_pooling(container: Container) -> None:
    """Add `--pooling` and `--top-k`, for models that are evaluated."""
    container.add_argument(
        "--pooling",
        type=_pooling_name,
        default=None,
        metavar="NAME",
        help=f"how an image's tiles make one prediction: {', '.join(POOLINGS)} (default: as trained)",
    )
    container.add_argument(
        "--top-k",
        type=_number_of_tiles,
        default=None,
        metavar="X",
        help="for top-k: how many tiles count for a class, a share below 1 or a number from 1 "
        f"(default: as trained, else {DEFAULT_TOP_K:g})",
    )


def model_and_data(options: Namespace) -> tuple[str, str | None]:
    """Return the named model and data; with `--model` there is no RUN, and DATA is in its place."""
    check_model(options)
    if options.model is None:
        return options.run, options.data
    if options.data is not None:
        raise InputError(
            f"with --model there is no run, so '{options.run}' and '{options.data}' are one too many"
        )
    return options.model, options.run


def is_run(options: Namespace) -> bool:
    """Return whether the model is a run's directory; an ONNX file may be named in its place."""
    return options.model is None and is_directory(Path(options.run))


def model_options(options: Namespace) -> "ModelOptions":
    """Return what the options say about the model and its tiles, as the verbs take it."""
    return {
        "tile": options.tile,
        "stride": options.stride,
        "grid": options.grid,
        "memory": options.memory,
        "classes": options.classes,
        "weights": options.weights,
        "pretrained": options.pretrained,
        "skip_blank": getattr(options, "skip_blank", None),
        "pooling": options.pooling,
        "top_k": options.top_k,
    }


def check_model(options: Namespace) -> None:
    """Refuse one of our networks that has no weights, before anything is imported."""
    if options.model in MODELS and options.weights is None and options.pretrained:
        raise InputError(
            f"there are no published weights for '{options.model}'; give a file of them (--weights FILE), or "
            f"use initial ones (--no-pretrained)"
        )


def _model_name(name: str) -> str:
    if Path(name).suffix == ONNX and Path(name).is_dir():
        raise InputError(f"{name} is a directory, and --model takes a file of ONNX")
    if name.startswith(TIMM) or name in MODELS or Path(name).suffix == ONNX:
        return name
    raise InputError(
        f"--model takes {TIMM}NAME, FILE{ONNX} or one of {', '.join(MODELS)}, got '{name}'; a run is given without "
        "--model"
    )


def _pooling_name(name: str) -> PoolingName:
    return Pooling(cast(PoolingName, name)).name


def _number_of_tiles(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InputError(
            f"--top-k takes a share below 1 or a number of tiles, got '{shortened(text)}'"
        ) from None
    return Pooling(top_k=number).top_k


def add_groups(container: Container) -> None:
    """Add `--groups`, which has nothing to do with the groups of a split."""
    container.add_argument(
        "--groups",
        default=None,
        metavar="COLUMN",
        help="report accuracy for each value of a column, such as a camera, and the worst class; also file.format, "
        "file.camera_model, … (docs/data.md). It changes no split, unlike --group-column",
    )


def add_margin(container: Container, of: str = "") -> None:
    """Add --margin, which asks whether tiles are good enough."""
    container.add_argument(
        "--margin",
        type=float,
        default=None,
        metavar="POINTS",
        help=f"{of}say whether tiles are good enough, less than POINTS of accuracy behind whole images: yes, "
        "no, or not yet known, with the number of seeds or images that would answer it",
    )


def add_grid(parser: OneLineParser) -> None:
    """Add `--grid`."""
    add_choice(
        parser,
        "--grid",
        get_args(GridKind),
        default=DEFAULT_GRID,
        text="aligned: tiles at multiples of the stride; covering: also flush with the far edges",
    )


def add_skip_blank(parser: OneLineParser) -> None:
    """Add `--skip-blank`."""
    parser.add_argument(
        "--skip-blank",
        nargs="?",
        type=whole_number("--skip-blank", 0),
        const=DEFAULT_BLANK,
        default=None,
        metavar="N",
        help="skip tiles whose lightest and darkest pixel differ, in each colour, by at most N of 255 (without N: "
        f"{DEFAULT_BLANK}); they do not count in any score",
    )


def add_memory(parser: OneLineParser) -> None:
    """Add `--memory`."""
    parser.add_argument(
        "--memory",
        type=parse_memory,
        default=DEFAULT_MEMORY,
        metavar="SIZE",
        help=f"upper bound on the memory for what is processed at once (default: {DEFAULT_MEMORY // 2**20}M)",
    )


def add_stride(parser: OneLineParser) -> None:
    """Add `--stride`."""
    parser.add_argument(
        "--stride",
        type=whole_number("--stride", 1),
        default=None,
        metavar="N",
        help="step of the tile grid in pixels; a larger one is faster (default: a quarter of the tile)",
    )
