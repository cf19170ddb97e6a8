"""What a diagnosis found of the plants, class by class, and the summary of many."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.decision import Decision
from nearsight.statistics import accuracy_estimate
from studies.shortcuts.families import FAMILIES
from studies.shortcuts.networks import ALL, Network, Planted
from studies.shortcuts.plants import Family, apply

# A plant with a smaller gap is not a shortcut; images are the right ones from this Jaccard index on.
GAP, OVERLAP = 0.10, 0.5
TRANSPLANTED = 200
SHORTCUT, SUSPECT = "shortcut", "suspect"
Row = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What a method says about a class: its word, what it calls it, the places of the images, and what proves it.

    `alike` are the places of further images, which it only takes to be like them. `explained` says how far what it
    calls it explains how these images look, None if it does not say.
    """

    class_number: int
    word: str
    attribute: str
    words: str
    images: tuple[int, ...]
    proven_by: str = ""
    alike: tuple[int, ...] = ()
    explained: float | None = None


def effects(network: Network, planted: Planted, decision: Decision) -> list[Row]:
    """Return one row per class: its plant and what it does to the decision, or that it has none."""
    assert planted.test.pixels is not None
    labels = planted.test.labels
    with_plants = decision.predictions(iter(planted.test.pixels))
    changed = np.flatnonzero(planted.planted)
    without = with_plants.copy()
    if len(changed):
        without[changed] = decision.predictions(iter(planted.clean[changed]))
    rows = []
    for number, name in enumerate(planted.test.classes):
        mine = labels == number
        row: Row = {
            "network": network.name,
            "data": network.data,
            "kind": network.kind,
            "labels": network.labels,
            "seed": network.seed,
            "class": name,
            "class_number": number,
            "images": int(mine.sum()),
            "accuracy": float((with_plants == number)[mine].mean()),
            "family": None,
        }
        plant = next((one for one in network.plants if one.class_number == number), None)
        if plant is not None:
            having = mine & planted.planted
            row |= asdict(plant) | {
                "family_kind": ALL[plant.family].kind,
                "held_out": ALL[plant.family] not in FAMILIES,
                "planted": int(having.sum()),
                "accuracy_with": _share(with_plants == number, having),
                "accuracy_same_without": _share(without == number, having),
                "accuracy_others": _share(with_plants == number, mine & ~having),
            }
            # Without the last bits, or a gap of exactly ten points would count or not by chance.
            row["gap"] = round(row["accuracy_with"] - row["accuracy_same_without"], 9)
            row |= _transplant(planted, decision, number, without)
        rows.append(row)
    return rows


def _share(right: NDArray[np.bool_], which: NDArray[np.bool_]) -> float:
    return float(right[which].mean()) if which.any() else float("nan")


def _transplant(planted: Planted, decision: Decision, number: int, before: NDArray[np.int64]) -> Row:
    """Add the plant to images of other classes without one, and count how many become the class."""
    from studies.shortcuts.networks import masks_of

    random = np.random.default_rng([number, 7])
    others = np.flatnonzero((planted.test.labels != number) & ~planted.planted)
    some = random.permutation(others)[:TRANSPLANTED]
    masks = masks_of(planted.test)
    images = (apply(planted.changes[number], planted.clean[i], masks[i], random) for i in some)
    after = decision.predictions(images)
    return {
        "transplanted": len(some),
        "taken_before": float((before[some] == number).mean()),
        "taken_after": float((after == number).mean()),
    }


def judge(rows: Sequence[Row], told: Iterable[Told], planted: Planted, method: str) -> None:
    """Add to each row what a method found in its class, under the method's name."""
    by_class: dict[int, list[Told]] = defaultdict(list)
    for one in told:
        by_class[one.class_number].append(one)
    for row in rows:
        mine = by_class[row["class_number"]]
        right = np.flatnonzero((planted.test.labels == row["class_number"]) & planted.planted)
        found = [
            {
                "word": one.word,
                "attribute": one.attribute,
                "proven_by": one.proven_by,
                "words": one.words,
                "images": len(one.images),
                "jaccard": jaccard(one.images, right) if row["family"] else None,
                "alike": len(one.alike),
                "jaccard_with_alike": jaccard((*one.images, *one.alike), right) if row["family"] else None,
                "explained": one.explained,
                "named": bool(row["family"]) and is_named(ALL[row["family"]], one),
            }
            for one in mine
        ]
        row[method] = found


def jaccard(first: Iterable[int], second: Iterable[int]) -> float:
    """Return how far two sets of images agree.

    >>> jaccard([1, 2, 3], [2, 3, 4])
    0.5
    """
    one, other = set(map(int, first)), set(map(int, second))
    return len(one & other) / max(len(one | other), 1)


def is_named(family: Family, told: Told) -> bool:
    """Whether the name that is given to images fits the plant."""
    return told.attribute in family.attributes or any(word in told.words.lower() for word in family.words)


def found_by(row: Row, method: str, word: str = SHORTCUT) -> bool:
    """Whether a method names, with that word, the class and the planted images."""
    return any(one["word"] == word and one["jaccard"] >= OVERLAP for one in row[method])


def summary(rows: Sequence[Row], methods: Sequence[str]) -> Row:
    """Return the rates of detection and of false alarms, with Wilson's intervals."""
    plants = [row for row in rows if row["family"] and row["labels"] == "true"]
    gaps = [row for row in plants if row["gap"] >= GAP]
    small = [row for row in plants if row["gap"] < GAP]
    clean = [row for row in rows if not row["family"]]
    result: Row = {
        "plants": len(plants),
        "plants_with_gap": len(gaps),
        "networks": len({row["network"] for row in rows}),
        "methods": {},
    }
    for method in methods:
        large, little, none = ([row for row in those if method in row] for those in (gaps, small, clean))
        result["methods"][method] = {
            "development": detection([row for row in large if not row["held_out"]], method),
            "held_out": detection([row for row in large if row["held_out"]], method),
            "all": detection(large, method),
            "without_gap": detection(little, method),
            "false_alarms": {
                name: alarms([row for row in none if belongs(row)], method) for name, belongs in CLEAN.items()
            },
        }
    return result


def _beside_plants(row: Row) -> bool:
    return bool(row["labels"] == "true" and "planted" in str(row["network"]))


CLEAN = {
    "clean classes beside plants": _beside_plants,
    "clean networks": lambda row: row["labels"] == "true" and not _beside_plants(row),
    "permuted labels": lambda row: row["labels"] == "permuted",
    "untrained": lambda row: row["labels"] == "untrained",
}


def detection(rows: Sequence[Row], method: str) -> Row:
    """Return how many of some plants are found, found in the right class alone, suspected, and named."""
    hits = [found_by(row, method) for row in rows]
    return {
        "found": _rate(hits),
        "right_class": _rate([any(one["word"] == SHORTCUT for one in row[method]) for row in rows]),
        "found_or_suspected": _rate(
            [hit or found_by(row, method, SUSPECT) for hit, row in zip(hits, rows, strict=True)]
        ),
        "found_and_named": _rate(
            [
                any(
                    one["word"] == SHORTCUT and one["jaccard"] >= OVERLAP and one["named"]
                    for one in row[method]
                )
                for row in rows
            ]
        ),
        "best_jaccard": _mean([max((one["jaccard"] for one in row[method]), default=0.0) for row in rows]),
    }


def alarms(rows: Sequence[Row], method: str) -> Row:
    """Return the share of clean classes in which a method sees a shortcut, or a suspect."""
    return {
        word: _rate([any(one["word"] == word for one in row[method]) for row in rows])
        for word in (SHORTCUT, SUSPECT)
    }


def by_family(rows: Sequence[Row], method: str) -> list[Row]:
    """Return one row per family and strength: how many plants, their gap and how many of those with one are found."""
    groups: Mapping[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        if row["family"] and row["labels"] == "true" and method in row:
            groups[row["family"], row["strength"]].append(row)
    return [
        {
            "family": family,
            "strength": strength,
            "held_out": mine[0]["held_out"],
            "plants": len(mine),
            "gap": _mean([row["gap"] for row in mine]),
            "with_gap": sum(row["gap"] >= GAP for row in mine),
        }
        | detection([row for row in mine if row["gap"] >= GAP], method)
        for (family, strength), mine in sorted(groups.items())
    ]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _rate(hits: Sequence[bool]) -> Row:
    return asdict(accuracy_estimate(np.array(hits, dtype=np.float64))) if hits else {"value": None, "n": 0}
