"""The command `nearsight predict`."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from nearsight.cli.options import OneLineParser, Result, add_machine_options, whole_number
from nearsight.cli.reading_options import add_max_pixels, add_range
from nearsight.cli.shared_options import (
    add_grid,
    add_memory,
    add_run_or_model,
    add_skip_blank,
    add_stride,
    check_model,
    is_run,
    model_options,
)
from nearsight.settings import Machine
from nearsight.settings.prediction_words import DEFAULT_PREDICTIONS, DEFAULT_TOP
from nearsight.settings.protocols import PROTOCOLS, SINGLE_TILE

# How many rows --json prints at most.
FIRST = 100


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight predict`."""
    add_run_or_model(parser)
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGES",
        help="files, folders of any depth, patterns such as 'photos/*.jpg', Parquet, or hf:OWNER/NAME[@REVISION]",
    )
    parser.add_argument(
        "--out",
        default=DEFAULT_PREDICTIONS,
        metavar="FILE",
        help=f"where the rows go, as .csv or .parquet (default: {DEFAULT_PREDICTIONS})",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="keep the finished rows of --out, predict the other images, and try faulty ones again",
    )
    parser.add_argument(
        "--protocol",
        default=None,
        metavar="NAME",
        help=f"{', '.join(name for name in PROTOCOLS if name != SINGLE_TILE)} (default: as trained: mean-logit, or "
        "another pooling; full-pass for a run on whole images)",
    )
    parser.add_argument(
        "--top",
        type=whole_number("--top", 1),
        default=DEFAULT_TOP,
        metavar="N",
        help=f"list this many classes for each image, with their probabilities (default: {DEFAULT_TOP})",
    )
    parser.add_argument(
        "--maps", default=None, metavar="DIR", help="also write each image's evidence map into this directory"
    )
    add_stride(parser)
    add_grid(parser)
    add_skip_blank(parser)
    add_memory(parser)
    add_max_pixels(parser)
    add_range(parser)
    add_machine_options(parser)


def run(options: Namespace) -> Result:
    """Predict images, and print the first ones and where all of them are."""
    check_model(options)

    from nearsight import verbs
    from nearsight.cli.following import after_predicting, tile_of
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_predictions
    from nearsight.runs import Run

    places = [options.run, *options.images]
    model = options.model if options.model is not None else places.pop(0)
    found = verbs.predict(
        model,
        places,
        protocol=options.protocol,
        top=options.top,
        out=options.out,
        maps=options.maps,
        resume=options.resume,
        max_pixels=options.max_pixels,
        value_range=options.value_range,
        machine=Machine(device=options.device, workers=options.workers),
        progress=not options.quiet,
        **model_options(options),
    )
    if not options.json:
        print_predictions(found)
        if is_run(options):
            tile = options.tile or tile_of(Run.open(model))
            print_lines([after_predicting(str(model), _least_certain(found.first(FIRST)), tile)])
    return {"out": options.out, **found.settings, "predictions": found.first(FIRST)}


def _least_certain(rows: Sequence[Mapping[str, Any]]) -> tuple[str, float, int] | None:
    """Return the file with the smallest margin among some predictions, that, and how many are predictions of files.

    None if no image is a file.
    """
    # A table that was continued may hold any text as a path; `Path.is_file` raises for the longest.
    files = [row for row in rows if row["margin"] is not None and os.path.isfile(row["path"])]  # noqa: PTH113
    if not files:
        return None
    least = min(files, key=lambda row: float(row["margin"]))
    return str(least["path"]), float(least["margin"]), len(files)
