"""Options that several commands share, declared once."""

from argparse import BooleanOptionalAction, Namespace
from typing import get_args

from nearsight.cli.options import (
    Container,
    OneLineParser,
    add_choice,
    add_machine_options,
    parse_memory,
    whole_number,
)
from nearsight.errors import InputError
from nearsight.settings import GridKind, Machine
from nearsight.settings.choices import DEFAULT_GRID, DEFAULT_MEMORY
from nearsight.settings.models import TIMM

DATA = "a known name, an image folder, a Parquet file or directory, or hf:OWNER/NAME[@REVISION]"


def declare_training(parser: OneLineParser, out: str) -> Container:
    """Declare what commands that train share, and return the group of machine options."""
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument("--out", default=None, metavar="DIR", help=f"where the results go (default: {out})")
    parser.add_argument("--resume", action="store_true", help="continue, or complete, what --out holds")
    add_stride(parser)
    add_skip_bad(parser)
    machine = add_machine_options(parser)
    machine.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=Machine.checkpoint_seconds,
        metavar="X",
        help=f"time between checkpoints (default: {Machine.checkpoint_seconds:g})",
    )
    return machine


def machine_of(options: Namespace) -> Machine:
    """Return the machine that the options of a command that trains describe."""
    return Machine(
        device=options.device,
        devices=getattr(options, "devices", 1),
        workers=options.workers,
        checkpoint_seconds=options.checkpoint_seconds,
    )


def add_run_or_published(parser: OneLineParser) -> None:
    """Add RUN, the options of a published network that can stand in its place, and `--tile`."""
    parser.add_argument(
        "run", metavar="RUN", help="a directory that `nearsight train` wrote; left out with --model"
    )
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
    if not name.startswith(TIMM):
        raise InputError(f"--model takes {TIMM}NAME, got '{name}'; a run is given without --model")
    return name


def add_grid(parser: OneLineParser) -> None:
    """Add `--grid`."""
    add_choice(
        parser,
        "--grid",
        get_args(GridKind),
        default=DEFAULT_GRID,
        text="aligned: tiles at multiples of the stride; covering: also flush with the far edges",
    )


def add_memory(parser: OneLineParser) -> None:
    """Add `--memory`."""
    parser.add_argument(
        "--memory",
        type=parse_memory,
        default=DEFAULT_MEMORY,
        metavar="SIZE",
        help=f"bound on what is worked on at once (default: {DEFAULT_MEMORY // 2**20}M)",
    )


def add_stride(parser: OneLineParser) -> None:
    """Add `--stride`."""
    parser.add_argument(
        "--stride",
        type=whole_number("--stride", 1),
        default=None,
        metavar="N",
        help="step of the tile grid in pixels (default: a quarter of the tile)",
    )


def add_skip_bad(parser: OneLineParser) -> None:
    """Add `--skip-bad`."""
    parser.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
