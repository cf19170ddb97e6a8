"""The command `nearsight evaluate`."""

from argparse import Namespace

from nearsight.cli.options import (
    OneLineParser,
    Result,
    add_machine_options,
    listed,
)
from nearsight.cli.reading_options import add_new_images, add_reading_options, reading_options
from nearsight.cli.shared_options import (
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
from nearsight.settings import Machine
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.settings.protocols import PROTOCOLS, USUAL


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight evaluate`."""
    add_run_or_model(parser)
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="evaluate on other data: classes are matched by name, and results are saved only with --out",
    )
    parser.add_argument(
        "--split",
        default=DEFAULT_SPLIT,
        metavar="NAME",
        help="the split to evaluate on (default: test)",
    )
    parser.add_argument(
        "--protocols",
        default=None,
        metavar="NAME,…",
        help=f"{', '.join(PROTOCOLS)} (default: {', '.join(USUAL)}, and "
        "the pooling used in training; only full-pass for a run on whole images)",
    )
    add_stride(parser)
    add_grid(parser)
    parser.add_argument(
        "--reestimate",
        action="store_true",
        help="add full-pass+bn: full-pass with the BatchNorm statistics of whole training images",
    )
    parser.add_argument(
        "--class-map",
        default=None,
        metavar="FILE|A=B,…",
        help="class A of DATA is class B of the model; A= leaves A out; a file has one pair per line, or is JSON",
    )
    add_groups(parser)
    add_skip_blank(parser)
    add_memory(parser)
    parser.add_argument(
        "--out", default=None, metavar="DIR", help="where metrics and predictions go (default: RUN)"
    )
    add_new_images(parser)
    add_reading_options(parser)
    add_machine_options(parser)


def run(options: Namespace) -> Result:
    """Evaluate a trained run on a split of its own data or of other data."""
    model, data = model_and_data(options)

    from nearsight import verbs
    from nearsight.cli.following import after_evaluating, tile_of
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_evaluation
    from nearsight.runs import Run
    from nearsight.runs.evaluation_words import smoothing_note

    result = verbs.evaluate(
        model,
        data,
        split=options.split,
        protocols=listed(options.protocols),
        reestimate=options.reestimate,
        class_map=options.class_map,
        groups=options.groups,
        out=options.out,
        new_images=options.new_images,
        machine=Machine(device=options.device, workers=options.workers),
        progress=not options.quiet,
        **reading_options(options),
        **model_options(options),
    )
    if not options.json:
        print_evaluation(result.metrics, result.settings)
        if is_run(options):
            run = Run.open(model)
            note = smoothing_note(run.recipe.label_smoothing, result.metrics)
            kept = data is None and options.out is None and not options.new_images
            following = [after_evaluating(run.directory, options.tile or tile_of(run))] if kept else []
            if lines := [*note, *following]:
                print_lines(lines)
    return {**result.settings, "protocols": dict(result.metrics)}
