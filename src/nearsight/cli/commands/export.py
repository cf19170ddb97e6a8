"""The command `nearsight export`."""

from argparse import Namespace
from typing import get_args

from nearsight.cli.options import OneLineParser, Result, add_choice, whole_number
from nearsight.settings.choices import ExportFormat


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight export`."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="a directory written by `nearsight train`, or timm:NAME for a published network",
    )
    parser.add_argument(
        "--tile",
        type=whole_number("--tile", 1),
        default=None,
        metavar="N",
        help="side of the images in pixels (default: that of the tiles in training; timm:NAME needs it)",
    )
    add_choice(
        parser,
        "--format",
        get_args(ExportFormat),
        default="onnx",
        text="the format; the file is kept only if its logits equal the model's",
    )
    parser.add_argument(
        "--out",
        default=None,
        metavar="FILE",
        help="the file to write (default: model.onnx, model.torchscript or model.pt2 in RUN)",
    )


def run(options: Namespace) -> Result:
    """Write a model to a file that runs without Nearsight, and print where it is."""
    from nearsight import verbs
    from nearsight.cli.following import after_exporting
    from nearsight.cli.printing import print_lines

    path = verbs.export(
        options.run,
        format=options.format,
        out=options.out,
        tile=options.tile,
        progress=not options.quiet,
    )
    if not options.json:
        print_lines([str(path), *([after_exporting(str(path))] if path.suffix == ".onnx" else [])])
    return {"file": str(path)}
