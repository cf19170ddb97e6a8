"""The command `nearsight heatmap`."""

from argparse import Namespace
from typing import get_args

from nearsight.cli.options import OneLineParser, Result, add_choice, whole_number
from nearsight.cli.reading_options import add_max_pixels, add_range
from nearsight.cli.shared_options import (
    add_grid,
    add_memory,
    add_run_or_model,
    add_skip_blank,
    check_model,
    model_options,
)
from nearsight.settings import EvidenceKind, Fill, Machine
from nearsight.settings.choices import DEFAULT_EVIDENCE, DEFAULT_FILL
from nearsight.settings.machine import Device

HEATMAP_OUT = "heatmaps"


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight heatmap`."""
    add_run_or_model(parser)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image files, or directories of them")
    parser.add_argument(
        "--class",
        dest="class_name",
        default=None,
        metavar="NAME",
        help="a class to show before the predicted one (default: the true class, if the image's directory has "
        "its name)",
    )
    parser.add_argument(
        "--stride",
        type=whole_number("--stride", 1),
        default=None,
        metavar="N",
        help="step of the tile grid in pixels; a smaller one gives a finer map (default: a quarter of "
        "the tile)",
    )
    add_choice(
        parser,
        "--evidence",
        get_args(EvidenceKind),
        default=DEFAULT_EVIDENCE,
        text="what a map shows for each tile: the logit of the tile alone, or how much the classifier's score falls "
        "when the tile is replaced",
    )
    add_choice(
        parser,
        "--fill",
        get_args(Fill),
        default=None,
        text="with --evidence removal, what replaces a tile: the image's mean colour, the blurred image, or the "
        f"same place in the next image (default: {DEFAULT_FILL})",
    )
    add_grid(parser)
    add_skip_blank(parser)
    add_memory(parser)
    add_max_pixels(parser)
    add_range(parser)
    parser.add_argument(
        "--out",
        default=HEATMAP_OUT,
        metavar="DIR",
        help=f"where figures and maps go (default: {HEATMAP_OUT})",
    )
    add_choice(parser, "--device", get_args(Device), default=Machine.device, text="where to run")


def run(options: Namespace) -> Result:
    """Draw the evidence of images, tile by tile, and print their scores and strongest tiles."""
    check_model(options)

    from nearsight import verbs
    from nearsight.cli.following import after_mapping
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_heatmaps

    places = [options.run, *options.images]
    model = options.model if options.model is not None else places.pop(0)
    heatmaps = verbs.heatmap(
        model,
        places,
        class_name=options.class_name,
        evidence=options.evidence,
        fill=options.fill,
        out=options.out,
        max_pixels=options.max_pixels,
        value_range=options.value_range,
        machine=Machine(device=options.device),
        progress=not options.quiet,
        **model_options(options),
    )
    if not options.json:
        print_heatmaps(heatmaps, options.out)
        if options.model is None:
            print_lines([after_mapping(model, options.tile)])
    return {"out": options.out, **heatmaps.to_json()}
