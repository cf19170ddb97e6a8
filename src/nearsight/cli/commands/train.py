"""The command `nearsight train`."""

from argparse import BooleanOptionalAction, Namespace
from functools import partial

from nearsight.cli.options import (
    OneLineParser,
    Result,
    add_recipe_options,
    recipe_fields,
    recipe_of,
    whole_number,
)
from nearsight.cli.reading_options import read_alike, reading_options
from nearsight.cli.shared_options import add_folds, declare_training, machine_of


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight train`."""
    machine = declare_training(parser, out="runs/DATA-MODEL-tile-TILE-seed-SEED")
    machine.add_argument(
        "--devices",
        type=whole_number("--devices", 1),
        default=1,
        metavar="N",
        help="training processes, one a device (default: 1)",
    )
    machine.add_argument(
        "--sync-batch-norm",
        action=BooleanOptionalAction,
        default=None,
        help="with several processes, BatchNorm of the whole batch, as in one process (default: on GPUs)",
    )
    add_folds(parser)
    add_recipe_options(parser)


def run(options: Namespace) -> Result:
    """Train a run and evaluate it on the test split, or one for each fold."""
    # Bad input is refused before anything heavy is imported.
    recipe_of(options)

    from nearsight import verbs
    from nearsight.cli.following import after_cross_validating, after_training, tile_of
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_cross_validation, print_training
    from nearsight.study import CrossValidation
    from nearsight.verbs.foreseen import quick_diagnosis

    run = verbs.train(
        options.data,
        recipe=options.recipe,
        folds=options.folds,
        out=options.out,
        resume=options.resume,
        stride=options.stride,
        machine=machine_of(options),
        progress=not options.quiet,
        **reading_options(options),
        **recipe_fields(options),
    )
    if isinstance(run, CrossValidation):
        if not options.json:
            print_cross_validation(run)
            print_lines([after_cross_validating(options.data, read_alike(options))])
        return {"out": str(run.directory), **run.to_json()}
    if not options.json:
        print_training(run)
        evaluated = run.result.get("evaluation", {}).get("test", {})
        tile = tile_of(run)
        diagnosis = partial(quick_diagnosis, run.directory, machine_of(options), tile=tile)
        print_lines([f"run: {run.directory}", after_training(run.directory, evaluated, diagnosis, tile)])
    return {"run": str(run.directory), **run.result}
