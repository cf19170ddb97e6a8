"""The command `nearsight dimension`."""

from argparse import Namespace
from typing import get_args

from nearsight.cli.options import (
    OneLineParser,
    Result,
    add_choice,
    add_sampling_options,
    parse_tiles,
    sampling_of,
)
from nearsight.cli.reading_options import add_reading_options, read_alike, reading_options
from nearsight.cli.shared_options import DATA
from nearsight.settings import Machine
from nearsight.settings.machine import Device


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight dimension`."""
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument(
        "--tiles",
        type=parse_tiles,
        default=None,
        metavar="N,…,full",
        help="sides of the tiles in pixels, 'full' for whole images (default: an eighth, a quarter, three "
        "eighths, a half and three quarters of the smallest side, and full)",
    )
    parser.add_argument(
        "--comparison",
        default=None,
        metavar="DIR",
        help="a directory written by `nearsight compare`: show predicted and measured order side by side",
    )
    parser.add_argument(
        "--embedding",
        default=None,
        metavar="RUN",
        help="a directory written by `nearsight train` on other images: also measure what tiles are worth in its "
        "embedding, not only in pixels",
    )
    parser.add_argument(
        "--out",
        default=None,
        metavar="DIR",
        help="where table, figure and numbers go (default: dimensions/DATA)",
    )
    add_sampling_options(parser)
    add_reading_options(parser)
    add_choice(parser, "--device", get_args(Device), default=Machine.device, text="where to run")


def run(options: Namespace) -> Result:
    """Measure the dimensions of a set's tiles, and print what was found."""
    # Bad input is refused before anything heavy is imported.
    sampling = sampling_of(options)

    from nearsight import verbs
    from nearsight.cli.following import after_measuring
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_dimension

    out = options.out if options.out is not None else str(verbs.default_dimension(options.data))
    found = verbs.dimension(
        options.data,
        tiles=options.tiles,
        comparison=options.comparison,
        embedding=options.embedding,
        sampling=sampling,
        out=out,
        machine=Machine(device=options.device),
        progress=not options.quiet,
        **reading_options(options),
    )
    if not options.json:
        print_dimension(found, out)
        if options.comparison is None:
            compared = [row.label for row in found.tiles]
            print_lines([after_measuring(options.data, compared, read_alike(options))])
    return {"out": out, **found.to_json()}
