"""The command `nearsight demo`."""

from argparse import Namespace

from nearsight.cli.options import OneLineParser, Result
from nearsight.settings.choices import DEMO_OUT


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight demo`."""
    parser.add_argument(
        "--out", default=DEMO_OUT, metavar="DIR", help=f"where its results go (default: {DEMO_OUT})"
    )


def run(options: Namespace) -> Result:
    """Compare tiles with whole images on the generated scenes, and say what to try next."""
    from nearsight import verbs
    from nearsight.cli.show import print_comparison, print_lines

    comparison = verbs.demo(options.out, progress=not options.quiet)
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
