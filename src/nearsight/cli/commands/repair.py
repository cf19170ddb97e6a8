"""The command `nearsight repair`."""

from argparse import BooleanOptionalAction, Namespace
from functools import partial
from typing import get_args

from nearsight.cli.options import OneLineParser, Result, add_machine_options, listed, whole_number
from nearsight.cli.reading_options import add_reading_options, reading_options
from nearsight.cli.shared_options import (
    DATA,
    add_checkpoint_seconds,
    add_grid,
    add_log,
    add_memory,
    add_stride,
    machine_of,
)
from nearsight.errors import unknown_name
from nearsight.settings.choices import ALL_VERDICTS, RepairMethod


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight repair`."""
    parser.add_argument("run", metavar="RUN", help="a directory written by `nearsight train`")
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help=f"the data (default: the run's own set); {DATA}"
    )
    parser.add_argument(
        "--verdicts",
        default=ALL_VERDICTS,
        metavar="all|CLASS:N,…",
        help="what to remove: every proven shortcut, or verdicts by class and number in the diagnosis of the "
        "training images, such as deer:1; deer:background for everything off the object (default: all)",
    )
    parser.add_argument(
        "--method",
        type=_method,
        default=None,
        metavar="|".join(get_args(RepairMethod)),
        help="how to remove it (default: the method that fits each verdict)",
    )
    parser.add_argument(
        "--from-scratch",
        action="store_true",
        help="train from scratch instead of continuing from the run's weights",
    )
    parser.add_argument(
        "--column",
        default=None,
        metavar="NAME",
        help="a column of the set, such as a camera: groups of its values are balanced (method groups)",
    )
    parser.add_argument(
        "--diagnosis",
        default=None,
        metavar="DIR",
        help="a directory written by `nearsight diagnose RUN --split train` (default: diagnose first)",
    )
    parser.add_argument(
        "--again",
        action=BooleanOptionalAction,
        default=True,
        help="diagnose the test images before and after (default: yes)",
    )
    parser.add_argument(
        "--tile",
        type=whole_number("--tile", 1),
        default=None,
        metavar="N",
        help="side of the tiles in pixels (default: as trained)",
    )
    add_stride(parser)
    add_grid(parser)
    add_memory(parser)
    parser.add_argument(
        "--seed",
        type=whole_number("--seed", 0),
        default=0,
        metavar="N",
        help="fixes everything random (default: 0)",
    )
    parser.add_argument(
        "--out",
        default=None,
        metavar="DIR",
        help="where the new run and the page go (default: repairs/RUN)",
    )
    parser.add_argument("--resume", action="store_true", help="continue what was begun in --out")
    add_reading_options(parser)
    machine = add_machine_options(parser)
    add_checkpoint_seconds(machine)
    add_log(machine)


def run(options: Namespace) -> Result:
    """Repair a run, and print what that changed."""
    from nearsight import verbs
    from nearsight.cli.following import after_repairing
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_repair
    from nearsight.verbs.foreseen import seconds_of_diagnosis

    found = verbs.repair(
        options.run,
        options.data,
        verdicts=options.verdicts if options.verdicts == ALL_VERDICTS else listed(options.verdicts) or (),
        method=options.method,
        from_scratch=options.from_scratch,
        column=options.column,
        diagnosis=options.diagnosis,
        again=options.again,
        tile=options.tile,
        stride=options.stride,
        grid=options.grid,
        memory=options.memory,
        seed=options.seed,
        out=options.out,
        resume=options.resume,
        machine=machine_of(options),
        progress=not options.quiet,
        **reading_options(options),
    )
    if not options.json:
        print_repair(found)
        new = found.directory / "run"
        given = {"tile": options.tile, "stride": options.stride}
        tiles = {name: value for name, value in given.items() if value is not None}
        expected = partial(seconds_of_diagnosis, new, machine_of(options), **tiles)
        before = None if found.pays else options.run
        print_lines([after_repairing(new, found.still_shortcuts, expected, tiles, before)])
    return {"out": str(found.directory), **found.to_json()}


def _method(name: str) -> str:
    if name not in get_args(RepairMethod):
        raise unknown_name("method", name, get_args(RepairMethod))
    return name
