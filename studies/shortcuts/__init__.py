"""Planted shortcuts: how many does a diagnosis find and name, and how many does it see where there are none?

Several plants go into one network, each in another class, drawn by a Latin square over families, strengths and
shares; the other classes stay clean. Networks without plants, with permuted labels and untrained ones are
measured as well. Some of the families were kept from whoever built the rules of the first two draws (`held_out`),
others were written when the rules were fixed (`unseen`), others by someone who had not read the rules (`sealed`),
and others when rules had been built on the failures of all these (`withheld`, and later `second_withheld`,
`third_withheld`, `fourth_withheld`, `fifth_withheld`, `sixth_withheld`, `seventh_withheld`, `eighth_withheld` and
`ninth_withheld`). Trained networks stay on disk if requested, and results are written as they come, one line per
class, so that the study can be stopped and continued.
"""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import nearsight
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel
from nearsight.statistics.writing import points
from nearsight.write import write_json
from studies.rows import read_rows, unmeasured, write_rows
from studies.shortcuts import peers
from studies.shortcuts.borrowed import BORROWED
from studies.shortcuts.families import FAMILIES
from studies.shortcuts.held_out import HELD_OUT
from studies.shortcuts.networks import (
    ALL_WITHHELD,
    KINDS,
    SETS,
    STRIDE,
    TILE,
    Labels,
    Network,
    Planted,
    in_turn,
    plant,
    trained,
)
from studies.shortcuts.plants import Family
from studies.shortcuts.scoring import Row, Told, by_family, effects, judge, summary
from studies.shortcuts.sealed import SEALED
from studies.shortcuts.unseen import UNSEEN

DATALAB = "spurious correlations"
ABLATION = "nearsight without forest"
PEERS = ("nearsight", "gradient clusters", "slices", DATALAB)
METHODS = (*PEERS, ABLATION)
PLANTS = 5
SEEDS_OF_A_DRAW = 1000
RESULTS = "classes.jsonl"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument(
        "--out", type=Path, default=Path("shortcuts"), help="runs, results as they come, and the summary"
    )
    parser.add_argument("--networks", type=int, default=72, help="networks with plants, in a fixed order")
    parser.add_argument("--seeds", type=int, default=3, help="networks without plants of each set and kind")
    parser.add_argument(
        "--draw", type=int, default=0, help="another draw of plants, classes and seeds (default: the first)"
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--unseen", action="store_true", help="plants of the families of `unseen` alone")
    only.add_argument("--sealed", action="store_true", help="plants of the families of `sealed` alone")
    only.add_argument(
        "--borrowed", action="store_true", help="plants that a library of augmentations makes alone"
    )
    only.add_argument(
        "--withheld",
        nargs="?",
        type=int,
        const=1,
        choices=range(1, len(ALL_WITHHELD) + 1),
        metavar="SET",
        help="plants of withheld families alone: the first set (default) to the ninth",
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("K", "N"), help="every Nth network from the Kth"
    )
    parser.add_argument("--methods", nargs="+", default=list(PEERS), choices=METHODS)
    parser.add_argument("--train", action="store_true", help="only train, and keep the runs")
    parser.add_argument("--minutes", type=float, default=None, help="begin no other network after so many")
    parser.add_argument(
        "--keep-runs", action="store_true", help="keep the trained runs (default: results alone)"
    )
    parser.add_argument(
        "--again", action="store_true", help="diagnose all again, with the runs that are there"
    )
    parser.add_argument(
        "--datalab",
        action="store_true",
        help="only ask Datalab, about the images of what was measured already",
    )


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, diagnose, and write one line per class and the summary."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    first, step = arguments.part
    networks = design(
        arguments.networks,
        arguments.seeds,
        arguments.sets,
        arguments.kinds,
        draw=arguments.draw,
        both=families_of(arguments),
    )
    if arguments.datalab:
        write_rows(lines, ask_datalab(read_rows(lines), networks))
        done_with(arguments.out)
        return
    # The time bounds diagnosing, not training alone.
    minutes = None if arguments.train else arguments.minutes
    for network in unmeasured(
        networks[first::step], lines, again=arguments.again, minutes=minutes, key="network"
    ):
        if arguments.train:
            trained(network, plant(network), arguments.out)
            continue
        rows = measure(network, arguments.out, arguments.methods)
        if not arguments.keep_runs:
            shutil.rmtree(arguments.out / network.name)
        write_rows(lines, rows, more=True)
        told = sum(any(row[method] for method in arguments.methods) for row in rows)
        print(f"{network.name}: {told} classes with findings", flush=True)
    done_with(arguments.out)


def families_of(arguments: argparse.Namespace) -> tuple[Sequence[Family], Sequence[Family]]:
    """Return the two lists of families whose plants take turns."""
    if arguments.withheld:
        withheld = ALL_WITHHELD[arguments.withheld - 1]
        return withheld[::2], withheld[1::2]
    if arguments.borrowed:
        return BORROWED[::2], BORROWED[1::2]
    if arguments.sealed:
        return SEALED[::2], SEALED[1::2]
    return (UNSEEN, UNSEEN) if arguments.unseen else (FAMILIES, HELD_OUT)


def done_with(out: Path) -> None:
    """Write the summary of the existing rows, and print the tables."""
    rows = read_rows(out / RESULTS)
    families = {method: by_family(rows, method) for method in METHODS}
    result = {"study": "shortcuts"} | summary(rows, METHODS) | {"families": families}
    write_json(out / "shortcuts.json", result)
    print(table(result))


def ask_datalab(rows: Sequence[Row], networks: Iterable[Network]) -> list[Row]:
    """Return rows with what Datalab says about the same images, which needs no network."""
    known = {network.name: network for network in networks}
    asked: dict[str, list[Row]] = {}
    for row in rows:
        asked.setdefault(row["network"], []).append(row)
    for name, mine in asked.items():
        planted = plant(known[name])
        judge(mine, peers.spurious_correlations(planted), planted, DATALAB)
        print(f"{name}: {sum(bool(row[DATALAB]) for row in mine)} classes with correlations", flush=True)
    return list(chain.from_iterable(asked.values()))


def design(
    networks: int,
    seeds: int,
    sets: Sequence[str] = SETS,
    kinds: Sequence[str] = KINDS,
    *,
    draw: int = 0,
    both: tuple[Sequence[Family], Sequence[Family]] = (FAMILIES, HELD_OUT),
) -> list[Network]:
    """Return all networks in the order in which they are measured: planted ones, and others between them.

    Set and kind change from network to network, and `both` families, to build on and held out, take turns, so
    that the study can be stopped anywhere. Another `draw` continues the Latin square where the one before ended,
    with other seeds.
    """
    first_seed = draw * SEEDS_OF_A_DRAW
    places = [(data, kind) for kind in kinds for data in sets]
    # Whole images and tiles in turn.
    places = places[:: len(sets)] + [place for k, place in enumerate(places) if k % len(sets)]
    planted = []
    for i in range(networks):
        data, kind = places[i % len(places)]
        families, turn = both[(i + i // len(places)) % 2], (draw * networks + i) // 2
        # About each thirteenth plant is in every image of its class.
        shares = (0.2, 0.4, 0.6) if i % 9 != 8 else (0.4, 1.0, 0.6)
        planted.append(
            in_turn(data, kind, first_seed + 100 + i, families, PLANTS * turn, shares=shares, count=PLANTS)
        )
    names: tuple[Labels, ...] = ("true", "permuted", "untrained")
    # Among the first few, whatever they are, some have true labels and some do not.
    others = [
        Network(*place, first_seed + seed, labels=names[(k + turn) % len(names)])
        for turn in range(len(names))
        for seed in range(seeds)
        for k, place in enumerate(places)
    ]
    # Two with plants, one without.
    pairs = [planted[2 * k : 2 * k + 2] for k in range((networks + 1) // 2)]
    mixed = list(chain.from_iterable([*pair, *others[k : k + 1]] for k, pair in enumerate(pairs)))
    return mixed + others[len(pairs) :]


def measure(network: Network, out: Path, methods: Sequence[str] = METHODS) -> list[Row]:
    """Train and diagnose one network with some methods, and return one row per class."""
    planted = plant(network)
    classifier = trained(network, planted, out).classifier()
    bound = TiledModel(classifier, tile=TILE, stride=STRIDE)
    decision = Decision.of(bound)
    rows = effects(network, planted, decision)
    for method in methods:
        judge(rows, told_by(method, bound, planted, decision), planted, method)
    return rows


def told_by(method: str, bound: TiledModel, planted: Planted, decision: Decision) -> list[Told]:
    """Return what one of `METHODS` says about a network's test images."""
    if method == "nearsight":
        return diagnosed(bound, planted)
    if method == ABLATION:
        with patch("nearsight.diagnosis.attributes.find.find_groups", return_value=()):
            return diagnosed(bound, planted)
    if method == "gradient clusters":
        return list(peers.gradient_clusters(bound, planted))
    if method == DATALAB:
        return list(peers.spurious_correlations(planted))
    assert planted.test.pixels is not None
    return list(peers.slices(bound, planted, decision.scores(iter(planted.test.pixels))))


def diagnosed(bound: TiledModel, planted: Planted) -> list[Told]:
    """Return the verdicts of a diagnosis of a network's test images."""
    found = nearsight.diagnose(bound, planted.test, parts=["verdicts"], faithfulness=0, progress=False)
    if "verdicts" not in found:
        return []
    verdicts: Any = found["verdicts"]
    return [
        Told(
            one.class_number,
            one.verdict,
            one.attribute,
            one.words,
            one.ruled,
            one.proven_by,
            one.alike,
            one.explained,
        )
        for one in verdicts.verdicts
    ]


def table(result: Row) -> str:
    """Return Markdown tables: methods, and the families of Nearsight by strength."""
    lines = [
        "| method | found, of plants with a gap | developed on | held out | and named | false alarms a clean class "
        "beside plants | in clean networks | permuted | untrained |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for method, one in result["methods"].items():
        cells = [written(one[part]["found"]) for part in ("all", "development", "held_out")]
        cells.append(written(one["all"]["found_and_named"]))
        cells += [written(alarm["shortcut"]) for alarm in one["false_alarms"].values()]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    lines += [
        "",
        "| family | strength | plants | gap, points | with a gap | found | named |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for row in result["families"]["nearsight"]:
        gap = points(row["gap"]) if np.isfinite(row["gap"]) else ""
        cells = [str(row["strength"] + 1), str(row["plants"]), gap, str(row["with_gap"])]
        cells += [written(row[name]) for name in ("found", "found_and_named")]
        lines.append(f"| {row['family']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def written(rate: Row) -> str:
    """Write a rate with its interval and what it counts.

    >>> written({"value": 0.5, "low": 0.25, "high": 0.75, "n": 4})
    '50 % (25 to 75) of 4'
    """
    if rate["value"] is None:
        return "–"
    if rate["low"] is None:
        return f"{points(rate['value'], 0)} % of {rate['n']}"
    ends = f"{points(rate['low'], 0)} to {points(rate['high'], 0)}"
    return f"{points(rate['value'], 0)} % ({ends}) of {rate['n']}"
