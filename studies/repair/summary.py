"""Means over networks with their intervals, and the table of them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import Estimate
from nearsight.statistics.bootstrap import resampled_means
from studies.repair.figures import Row

BEFORE, CEILING, DRO = "planted", "ceiling", "group DRO"
# A plant that a network does not rely on is not a shortcut, by the rule of the study of shortcuts; and if the
# ceiling is no higher, there is nothing to win back.
GAP = 0.10
# With fewer networks, draws with replacement say too little: no interval is given.
LEAST_NETWORKS = 5
COVERS = "networks"


def kept_rows(rows: Sequence[Row]) -> list[Row]:
    """Return a row for each known shortcut that costs a network something and each method that was tried on it.

    Each row holds the figures of the shortcut (`figures`) with the network's own, and those of the planted
    network and of the ceiling. A network is left out until every method that was tried on any was tried on it.
    """
    by_network: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        by_network[row["network"]][row["method"]] = row
    methods = {BEFORE, CEILING}.union(*by_network.values())
    found = []
    for of_methods in by_network.values():
        if not methods <= set(of_methods):
            continue
        for k, before in enumerate(of_methods[BEFORE]["known"]):
            ceiling = of_methods[CEILING]["known"][k]
            if not costs(before, ceiling):
                continue
            for one in of_methods.values():
                if "refused" in one:
                    continue
                found.append(
                    {name: one[name] for name in ("network", "data", "kind", "seed", "method", "seconds")}
                    | {name: one[name] for name in ("usual", "elsewhere")}
                    | {f"{name}_before": of_methods[BEFORE][name] for name in ("usual", "elsewhere")}
                    | one["known"][k]
                    | {"before": before["without"], "ceiling": ceiling["without"]}
                )
    return found


def costs(before: Row, ceiling: Row) -> bool:
    """Whether a network relies on a shortcut and is worse for it: by the same images with it, and by the ceiling.

    >>> [costs({"having": 1.0, "without": 0.3}, {"without": ceiling}) for ceiling in (0.6, 0.3)]
    [True, False]
    """
    return bool(min(before["having"], ceiling["without"]) - before["without"] >= GAP)


def over_networks(
    rows: Sequence[Row],
    columns: Callable[[Row], Sequence[float]],
    statistic: Callable[[NDArray[np.float64]], Any],
) -> Estimate:
    """Return a statistic of the sums of some columns over rows, with its 95 % interval from drawing networks again.

    >>> rows = [{"network": name, "x": x} for name, x in (("a", 1.0), ("a", 3.0), ("b", 5.0))]
    >>> found = over_networks(rows, lambda row: (row["x"], 1.0), lambda sums: sums[:, 0] / sums[:, 1])
    >>> found.value, found.low, found.n
    (3.0, None, 3)

    `columns` gives the columns of a row and `statistic` maps their sums or means, (n, columns), to (n,). Shortcuts
    of one network are drawn together. Fewer than `LEAST_NETWORKS` have no interval.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    for row in rows:
        sums[row["network"]] = sums.get(row["network"], np.float64(0)) + np.array(
            columns(row), dtype=np.float64
        )
    if not sums:
        return Estimate(None, None, None, 0)
    table = np.stack(list(sums.values()))
    value = float(statistic(table.mean(0, keepdims=True))[0])
    if len(table) < LEAST_NETWORKS:
        return Estimate(value, None, None, len(rows), covers=COVERS)
    interval = resampled_means(table, statistic, samples=4000)
    return Estimate(value, *interval, len(rows), covers=COVERS)


def mean_of(rows: Sequence[Row], name: str) -> Estimate:
    """Return the mean of a figure over known shortcuts; those for which it is not known are left out."""
    known = [row for row in rows if row[name] is not None]
    return over_networks(known, lambda row: (row[name], 1.0), _ratio)


def won_back(rows: Sequence[Row]) -> Estimate:
    """Return the share of the gap to the ceiling that was won back: the ratio of two sums over shortcuts."""
    return over_networks(
        rows, lambda row: (row["without"] - row["before"], row["ceiling"] - row["before"]), _ratio
    )


def still_right(rows: Sequence[Row]) -> Estimate:
    """Return the share of the images that were right without a shortcut before and still are, over all of them."""
    known = [row for row in rows if row["kept"] is not None]
    return over_networks(known, lambda row: (row["kept"] * row["right_before"], row["right_before"]), _ratio)


def _ratio(means: NDArray[np.float64]) -> NDArray[np.float64]:
    parts, wholes = means.T
    found: NDArray[np.float64] = np.divide(parts, wholes, out=np.full(len(means), np.nan), where=wholes > 0)
    return found


PARTS: dict[str, Callable[[Row], bool]] = {
    "plants in 60 % of their class": lambda row: row["share"] == 0.6,
    "… by tiles": lambda row: row["share"] == 0.6 and row["kind"] == "tile",
    "… whole images": lambda row: row["share"] == 0.6 and row["kind"] == "whole",
    "… of families held out": lambda row: row["share"] == 0.6 and row["held_out"],
    "plants in every image of their class": lambda row: row["share"] == 1 and not _of_scenes(row),
    "backgrounds, scenes at 0.9": lambda row: row["share"] == 0.9,
    "backgrounds, scenes at 1": lambda row: row["share"] == 1 and _of_scenes(row),
}


def _of_scenes(row: Row) -> bool:
    return str(row["data"]).startswith("scenes")


def summary(rows: Sequence[Row]) -> Row:
    """Return the figures of each method in each part of the shortcuts, and whether the aims are reached."""
    kept = kept_rows(rows)
    parts = {}
    for part, belongs in PARTS.items():
        mine = [row for row in kept if belongs(row)]
        methods = {method: of_method(mine, method) for method in dict.fromkeys(row["method"] for row in mine)}
        parts[part] = {
            "shortcuts": len({(row["network"], row["class_number"]) for row in mine}),
            "networks": len({row["network"] for row in mine}),
            "methods": methods,
        }
    return {"networks": len({row["network"] for row in kept}), "parts": parts}


def of_method(rows: Sequence[Row], method: str) -> Row:
    """Return the means of one method over some shortcuts, as plain values."""
    mine = [row for row in rows if row["method"] == method]
    found = [row for row in mine if row.get("found")]
    of_dro = {_place(row): row["without"] for row in rows if row["method"] == DRO}
    changed = [
        row
        | {
            f"{name}_change": row[name] - row[f"{name}_before"]
            for name in ("usual", "elsewhere")
            if row[name]
        }
        for row in mine
    ]
    paired = [row | {"to_dro": row["without"] - of_dro[_place(row)]} for row in mine if _place(row) in of_dro]
    figures = {name: mean_of(mine, name) for name in ("having", "without", "moved", "seconds")} | {
        "kept": still_right(mine),
        "won": won_back(mine),
        "to_dro": mean_of(paired, "to_dro"),
        "usual_change": mean_of(changed, "usual_change"),
        "elsewhere_change": mean_of(
            [row for row in changed if "elsewhere_change" in row], "elsewhere_change"
        ),
    }
    if any("found" in row for row in mine):
        figures |= {"found": mean_of([row | {"found": float(row["found"])} for row in mine], "found")}
        figures |= {"won_given_found": won_back(found), "without_given_found": mean_of(found, "without")}
    return {name: asdict(figure) for name, figure in figures.items()}


def _place(row: Row) -> tuple[str, int]:
    return row["network"], row["class_number"]
