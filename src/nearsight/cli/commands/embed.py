"""The command `nearsight embed`."""

from argparse import Namespace

from nearsight.cli.options import OneLineParser, Result, add_machine_options
from nearsight.cli.reading_options import add_reading_options, reading_options
from nearsight.cli.shared_options import (
    add_grid,
    add_memory,
    add_run_or_model,
    add_stride,
    model_and_data,
    model_options,
)
from nearsight.settings import Machine
from nearsight.settings.choices import DEFAULT_SPLIT


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight embed`."""
    add_run_or_model(parser)
    parser.add_argument("data", nargs="?", metavar="DATA", help="embed the tiles of other data")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="where the rows go, a file ending in .parquet"
    )
    parser.add_argument(
        "--split", default=DEFAULT_SPLIT, metavar="NAME", help="the split to embed (default: test)"
    )
    add_stride(parser)
    add_grid(parser)
    add_memory(parser)
    add_reading_options(parser)
    add_machine_options(parser)


def run(options: Namespace) -> Result:
    """Write the embeddings of a split's tiles, and print where they are."""
    model, data = model_and_data(options)

    from nearsight import verbs
    from nearsight.cli.following import after_embedding
    from nearsight.cli.printing import print_lines

    path = verbs.embed(
        model,
        data,
        out=options.out,
        split=options.split,
        machine=Machine(device=options.device, workers=options.workers),
        progress=not options.quiet,
        **reading_options(options),
        **model_options(options),
    )
    if not options.json:
        print_lines([str(path), after_embedding(str(path))])
    return {"file": str(path)}
