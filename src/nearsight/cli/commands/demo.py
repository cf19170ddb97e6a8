"""The command `nearsight demo`."""

from argparse import Namespace

from nearsight.cli.options import OneLineParser, Result
from nearsight.settings.choices import DEMO_OUT


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight demo`."""
    parser.add_argument(
        "--out", default=DEMO_OUT, metavar="DIR", help=f"where the results go (default: {DEMO_OUT})"
    )


def run(options: Namespace) -> Result:
    """Show on generated scenes how a shortcut is found and removed, and say what to try next."""
    from nearsight import verbs
    from nearsight.cli.show import print_demonstration

    found = verbs.demo(options.out, progress=not options.quiet)
    if not options.json:
        print_demonstration(found)
    return found.to_json()
