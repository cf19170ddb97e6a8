"""The command `nearsight pack`."""

from argparse import Namespace

from nearsight.cli.options import OneLineParser, Result, whole_number
from nearsight.settings import Machine


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight pack`."""
    parser.add_argument(
        "data",
        metavar="DATA",
        help="an image folder or Parquet, by its path or its name under NEARSIGHT_DATA",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="the directory to make; if interrupted, the same command continues",
    )
    parser.add_argument(
        "--workers",
        type=whole_number("--workers", 0),
        default=None,
        metavar="N",
        help="processes that pack images (default: one per core, at most 16)",
    )


def run(options: Namespace) -> Result:
    """Pack a set, and print where the copy is and what became of its images."""
    from nearsight import verbs
    from nearsight.cli.following import after_packing
    from nearsight.cli.printing import print_lines

    made = verbs.pack(
        options.data, out=options.out, machine=Machine(workers=options.workers), progress=not options.quiet
    )
    if not options.json:
        print_lines([str(made), after_packing(str(made.data))])
    return {
        "data": str(made.data),
        "packed": made.packed,
        "bytes_before": made.bytes_before,
        "bytes_after": made.bytes_after,
        "copied": made.copied,
    }
