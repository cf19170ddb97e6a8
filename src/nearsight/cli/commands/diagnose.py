"""The command `nearsight diagnose`."""

import time
from argparse import Namespace
from functools import partial

from nearsight.cli.options import OneLineParser, Result, add_machine_options, listed, whole_number
from nearsight.cli.reading_options import add_new_images, add_reading_options, reading_options
from nearsight.cli.shared_options import (
    DATA,
    add_grid,
    add_groups,
    add_memory,
    add_run_or_model,
    add_skip_blank,
    add_stride,
    is_run,
    model_and_data,
    model_options,
)
from nearsight.settings import FAITHFULNESS_IMAGES, Machine
from nearsight.settings.choices import DEFAULT_SPLIT


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight diagnose`."""
    add_run_or_model(parser)
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help=f"the data (default: the run's own set); {DATA}"
    )
    parser.add_argument(
        "--split", default=DEFAULT_SPLIT, metavar="NAME", help="the split to examine (default: test)"
    )
    add_stride(parser)
    add_grid(parser)
    add_skip_blank(parser)
    parser.add_argument(
        "--images",
        type=whole_number("--images", 1),
        default=None,
        metavar="N",
        help="examine only this many images, drawn at random (default: all)",
    )
    parser.add_argument(
        "--faithfulness",
        type=whole_number("--faithfulness", 0),
        default=None,
        metavar="N",
        help="number of images on which the maps are checked, 0 for none (default: 8 to "
        f"{FAITHFULNESS_IMAGES}, so that it takes at most about four times as long as the evaluation)",
    )
    parser.add_argument(
        "--null",
        action="store_true",
        help="briefly train networks like this one on shuffled labels, to measure the values by chance",
    )
    parser.add_argument(
        "--parts",
        default=None,
        metavar="A,B",
        help="only these parts, such as errors,reasons (default: all)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number("--seed", 0),
        default=0,
        metavar="N",
        help="fixes the choice of images and everything else random (default: 0)",
    )
    add_groups(parser)
    add_memory(parser)
    parser.add_argument(
        "--out",
        default=None,
        metavar="DIR",
        help="where the page and tables go (default: diagnoses/RUN-DATA)",
    )
    add_new_images(parser)
    add_reading_options(parser)
    add_machine_options(parser)


def run(options: Namespace) -> Result:
    """Diagnose a classifier, and print the summary."""
    model, data = model_and_data(options)

    from nearsight import verbs
    from nearsight.cli.following import SKIP_BLANK, after_diagnosing
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_diagnosis
    from nearsight.diagnosis.verdicts.part import VERDICTS
    from nearsight.repair.following import what_follows
    from nearsight.verbs.foreseen import seconds_of_diagnosis, seconds_of_repair

    begun = time.monotonic()

    out = options.out if options.out is not None else str(verbs.default_diagnosis(model, data))
    found = verbs.diagnose(
        model,
        data,
        split=options.split,
        parts=listed(options.parts),
        groups=options.groups,
        images=options.images,
        faithfulness=options.faithfulness,
        null=options.null,
        seed=options.seed,
        out=out,
        new_images=options.new_images,
        machine=Machine(device=options.device, workers=options.workers),
        progress=not options.quiet,
        **reading_options(options),
        **model_options(options),
    )
    if not options.json:
        print_diagnosis(found, out)
        if is_run(options):
            machine = Machine(device=options.device, workers=options.workers)
            given = {name: getattr(options, name) for name in ("tile", "stride", SKIP_BLANK)}
            tiles = {name: value for name, value in given.items() if value is not None}
            sides = {name: value for name, value in tiles.items() if name != SKIP_BLANK}
            # For a set given by name, or a part that was requested, nobody knows whether there are more images.
            follows = what_follows(found, own=options.data is None, drawn=options.images is not None)
            repair = partial(seconds_of_repair, model, machine, diagnosed=follows.chooses, **sides)
            more = partial(
                seconds_of_diagnosis, model, machine, split="train", parts=[VERDICTS.name], **tiles
            )
            spent = time.monotonic() - begun
            print_lines([after_diagnosing(model, follows, spent, out, repair, more, tiles)])
    return {"out": out, **found.to_json()}
