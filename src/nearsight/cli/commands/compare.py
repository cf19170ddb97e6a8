"""The command `nearsight compare`."""

from argparse import Namespace
from typing import get_args

from nearsight.cli.options import (
    OneLineParser,
    Result,
    add_choice,
    add_recipe_options,
    listed,
    parse_tiles,
    recipe_fields,
    recipe_of,
    whole_number,
    written_tiles,
)
from nearsight.cli.reading_options import reading_options
from nearsight.cli.shared_options import add_folds, add_groups, add_margin, declare_training, machine_of
from nearsight.settings import Budget
from nearsight.settings.choices import (
    ARM_ADDITIONS,
    DEFAULT_BUDGET,
    DEFAULT_ON_TILES,
    DEFAULT_SEEDS,
    DEFAULT_TILES,
)
from nearsight.settings.protocols import PROTOCOLS, USUAL


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight compare`."""
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--tiles",
        type=parse_tiles,
        default=None,
        metavar="N,…,full",
        help="sides of the tiles in pixels, with the recipe's flips; 'full' adds whole images with the same flips, "
        "and with the usual augmentation (default: chosen by --recipe auto, else "
        f"{written_tiles(DEFAULT_TILES)})",
    )
    group.add_argument(
        "--arms",
        default=None,
        metavar="NAME,…",
        help=f"the arms by name, instead of --tiles: full or tile-N, followed by +{', +'.join(ARM_ADDITIONS)}, as "
        "in full+standard,tile-16+flip",
    )
    group.add_argument(
        "--seeds",
        type=whole_number("--seeds", 1),
        default=DEFAULT_SEEDS,
        metavar="N",
        help=f"runs of each arm (default: {DEFAULT_SEEDS})",
    )
    add_choice(
        group,
        "--budget",
        get_args(Budget),
        default=DEFAULT_BUDGET,
        text="what is equal for all arms",
    )
    add_folds(group)
    group.add_argument(
        "--protocols",
        default=None,
        metavar="NAME,…",
        help=f"for the tile arms: {', '.join(PROTOCOLS)} (default: {', '.join(USUAL)}, and the pooling "
        "used in training)",
    )
    add_groups(group)
    group.add_argument(
        "--on-tiles",
        type=whole_number("--on-tiles", 0),
        default=DEFAULT_ON_TILES,
        metavar="N",
        help="test images on whose tiles the arms of whole images are evaluated: how often they agree with the full "
        f"pass, and what accuracy they lose; 0 for none (default: {DEFAULT_ON_TILES})",
    )
    add_margin(group)
    declare_training(parser, out="comparisons/DATA-RECIPE-BUDGET")
    add_recipe_options(parser, without=("tile", "tile_schedule"))


def run(options: Namespace) -> Result:
    """Compare training on tiles with training on whole images."""
    # Bad input is refused before anything heavy is imported.
    recipe_of(options)

    from nearsight import verbs
    from nearsight.cli.following import after_comparing
    from nearsight.cli.printing import print_lines
    from nearsight.cli.show import print_comparison

    comparison = verbs.compare(
        options.data,
        arms=listed(options.arms),
        tiles=options.tiles,
        seeds=options.seeds,
        budget=options.budget,
        folds=options.folds,
        recipe=options.recipe,
        out=options.out,
        resume=options.resume,
        protocols=listed(options.protocols),
        stride=options.stride,
        groups=options.groups,
        on_tiles=options.on_tiles,
        margin=options.margin,
        machine=machine_of(options),
        progress=not options.quiet,
        **reading_options(options),
        **recipe_fields(options),
    )
    if not options.json:
        print_comparison(comparison)
        if following := after_comparing(comparison):
            print_lines([following])
    return comparison.to_json()
