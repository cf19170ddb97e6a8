"""The command `nearsight report`."""

from argparse import Namespace

from nearsight.cli.options import OneLineParser, Result
from nearsight.cli.shared_options import add_margin


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight report`."""
    parser.add_argument(
        "directory",
        metavar="DIR",
        help="a directory written by train, compare, diagnose, dimension, heatmap or repair",
    )
    parser.add_argument(
        "--out", default=None, metavar="DIR", help="where pages and figures go (default: DIR itself)"
    )
    add_margin(parser, "for a comparison: ")


def run(options: Namespace) -> Result:
    """Draw the pages and figures of a directory of results again, and print where they are."""
    from nearsight import verbs
    from nearsight.cli.printing import print_lines

    paths = [str(path) for path in verbs.report(options.directory, out=options.out, margin=options.margin)]
    if not options.json:
        print_lines(paths)
    return {"files": paths}
