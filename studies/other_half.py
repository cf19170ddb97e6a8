"""Do networks trained on whole images say much the same of small tiles? Agreement and accuracy, by size and view.

Runs of whole images are asked about tiles in four ways: alone and at their place in an image of the mean colour,
each with the statistics of training and with BatchNorm re-estimated on tiles shown in the same way (`nearsight
compare` does this with its own arms). Every given directory is one way of training, whose runs, seed-N, differ in
their seed.
"""

import argparse
from pathlib import Path
from typing import Any

import nearsight
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.report.figure_file import save_figure
from nearsight.report.on_tiles_chart import on_tiles_figure
from nearsight.report.on_tiles_text import on_tiles_table
from nearsight.rows import to_values
from nearsight.runs import Run
from nearsight.study.asking_about_tiles import ask_run, measure_on_tiles
from nearsight.study.on_tiles import ArmOnTiles
from nearsight.write import write_json


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("arms", type=Path, nargs="+", help="directories of runs of one set, ARM/seed-N")
    parser.add_argument(
        "--out", type=Path, default=Path("other-half"), help="the result as JSON and the figure"
    )
    parser.add_argument("--images", type=int, default=250, help="test images that are asked about")
    parser.add_argument("--tiles", type=int, nargs="+", default=[], help="sizes beside the shares of a side")


def run(arguments: argparse.Namespace) -> None:
    """Ask every run, print the tables and sentences, and write the result and the figure."""
    found, data = [], ""
    for directory in arguments.arms:
        arm, data = asked(directory, arguments.images, arguments.tiles)
        found.append(arm)
        print("\n".join((f"### {arm.arm}", "", *on_tiles_table(arm), "", *arm.sentences(), "")), flush=True)
    values: dict[str, Any] = {"study": "other-half", "data": data, "arms": to_values(tuple(found))}
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out / f"{data}.json", values)
    save_figure(on_tiles_figure(found, data), arguments.out / f"{data}.png", dpi=110)


def asked(directory: Path, images: int, tiles: list[int]) -> tuple[ArmOnTiles, str]:
    """Return what the runs of one way of training say about tiles, and the name of their set."""
    runs = [Run.open(place) for place in sorted(directory.glob("seed-*"))]
    if not runs:
        raise InputError(f"{directory} holds no runs seed-N")
    name = runs[0].recipe.data
    answers = []
    for one in runs:
        sets = nearsight.load(name, validation=one.recipe.validation, seed=one.recipe.seed)
        bound = TiledModel(one.classifier())
        answers.append([ask_run(one, bound, sets["test"], sets["train"], tiles, most=images)])
        print(f"{one.directory}: asked", flush=True)
    return measure_on_tiles(directory.name, answers, tiles), name
