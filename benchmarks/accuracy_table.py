"""Tables of the training times to an accuracy: every length, and the shortest that reaches each target."""

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of these tables to a parser."""
    parser.add_argument("results", type=Path, help="JSON lines, as the benchmark accuracy writes them")
    parser.add_argument("--targets", default="80,85,90", help="accuracies in per cent, parted by commas")


def run(arguments: argparse.Namespace) -> None:
    """Print both tables as Markdown."""
    lines = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    runs = group(lines)
    print(lengths_table(runs))
    print()
    print(targets_table(runs, [float(target) / 100 for target in arguments.targets.split(",")]))


def group(lines: Iterable[Line]) -> list[list[Line]]:
    """Return the seeds of one arm, changes and length together: arms as they first came, lengths from short to long.

    >>> one = {"arm": "a", "changes": {}, "epochs": 2, "seed": 0}
    >>> [[line["epochs"] for line in same] for same in group([one, one | {"epochs": 1}, one | {"seed": 1}])]
    [[1], [2, 2]]
    """
    runs: dict[tuple[str, str], dict[float, list[Line]]] = {}
    for line in lines:
        lengths = runs.setdefault((line["arm"], json.dumps(line["changes"])), {})
        lengths.setdefault(line["epochs"], []).append(line)
    return [lengths[epochs] for lengths in runs.values() for epochs in sorted(lengths)]


def lengths_table(runs: Sequence[Sequence[Line]]) -> str:
    """Return a row for every arm and length: what it cost, and how often it is right.

    The share is of the highest convolution peak that any of the runs measured.
    """
    peak = max(line["ceilings"]["convolution bfloat16"] for same in runs for line in same)
    rows = [
        "| arm | epochs | seeds | full-pass, % | mean-logit, % | seconds | TFLOP | share of peak |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for same in runs:
        line = same[0]
        changes = "".join(f", {name} {value}" for name, value in line["changes"].items())
        share = statistics.mean(one["flops"] / one["seconds"] for one in same) / peak
        rows.append(
            f"| {line['arm']}{changes} | {line['epochs']:g} | {len(same)} | {_spread(same, 'full-pass')} "
            f"| {_spread(same, 'mean-logit')} | {_seconds(same)} | {line['flops'] / 1e12:,.1f} "
            f"| {share:.0%} |"
        )
    return "\n".join(rows)


def targets_table(runs: Sequence[Sequence[Line]], targets: Sequence[float]) -> str:
    """Return one row per arm: seconds and arithmetic of its shortest length that reaches each target.

    Tiles are judged by their mean logit, whole images by the full pass. If no length reaches a target, the
    longest one's seconds and accuracy are given as a bound.
    """
    rows = [
        "| arm | " + " | ".join(f"to {100 * target:g} %" for target in targets) + " |",
        "| --- | " + " | ".join("---:" for _ in targets) + " |",
    ]
    arms: dict[str, list[Sequence[Line]]] = {}
    for same in runs:
        arms.setdefault(same[0]["arm"], []).append(same)
    for arm, lengths in arms.items():
        cells = []
        for target in targets:
            reached = [same for same in lengths if _accuracy(same) >= target]
            if reached:
                shortest = min(reached, key=lambda same: _mean(same, "seconds"))
                cells.append(f"{_seconds(shortest)} s, {shortest[0]['flops'] / 1e12:,.0f} TFLOP")
            else:
                longest = max(lengths, key=lambda same: _mean(same, "seconds"))
                cells.append(f"more than {_seconds(longest)} s ({_accuracy(longest):.1%})")
        rows.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _accuracy(same: Sequence[Line]) -> float:
    return statistics.mean(line["accuracy"].get("mean-logit", line["accuracy"]["full-pass"]) for line in same)


def _mean(same: Sequence[Line], name: str) -> float:
    return statistics.mean(line[name] for line in same)


def _seconds(same: Sequence[Line]) -> str:
    mean = _mean(same, "seconds")
    return f"{mean:.1f}" if mean < 10 else f"{mean:,.0f}"


def _spread(same: Sequence[Line], protocol: str) -> str:
    values = [100 * line["accuracy"][protocol] for line in same if protocol in line["accuracy"]]
    if not values:
        return "–"
    ends = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{ends}"
