"""The study of repairs: what it draws, and how its figures are read and joined."""

import pytest
from studies.repair import design
from studies.repair.planted import FAMILIES, OTHERS, planted_networks
from studies.repair.summary import kept_rows, of_method, over_networks, summary, won_back
from studies.repair.tables import table


def _row(
    network: str, method: str, without: float, *, having: float = 1.0, **more: object
) -> dict[str, object]:
    known = {
        "class_number": 3,
        "family": "border",
        "strength": 3,
        "share": 0.6,
        "held_out": False,
        "having": having,
        "without": without,
        "moved": 0.5,
        "kept": 0.9,
        "right_before": 10,
    }
    return {
        "network": network,
        "data": "stl10",
        "kind": "tile",
        "seed": 0,
        "method": method,
        "seconds": 10.0,
        "usual": 0.6,
        "elsewhere": 0.5,
        "known": [known | more],
    }


ROWS = [
    _row("a", "planted", 0.1),
    _row("a", "ceiling", 0.5),
    _row("a", "group DRO", 0.4),
    _row("a", "ours", 0.5, found=True),
    _row("b", "planted", 0.2),
    _row("b", "ceiling", 0.6),
    _row("b", "group DRO", 0.6),
    _row("b", "ours", 0.2, found=False),
    _row("c", "planted", 0.6, having=0.65),
    _row("c", "ceiling", 0.6),
    _row("c", "group DRO", 0.7),
    _row("c", "ours", 0.7, found=True),
    # Not all of its methods are measured yet.
    _row("d", "planted", 0.0),
    _row("d", "ceiling", 1.0),
]


def test_each_family_meets_tiles_and_whole_images_alike() -> None:
    first = planted_networks(3)[:12]
    met = [(one.family, network.kind) for network in first for one in network.plants[:2]]
    assert sorted(met) == sorted(
        (family, kind) for family in FAMILIES for kind in ("tile", "whole") for _ in "ab"
    )
    assert {one.family for network in first for one in network.plants[2:]} >= set(OTHERS)
    assert all(len({one.class_number for one in network.plants}) == 3 for network in first)


def test_networks_have_names_of_their_own() -> None:
    names = [named.name for named in design(3)]
    assert len(set(names)) == len(names) == 30


def test_what_is_won_back_is_a_share_of_what_a_ceiling_leaves() -> None:
    rows = [row for row in kept_rows(ROWS) if row["method"] == "ours"]
    # 0.4 of 0.4 and nothing of 0.4; what does not lean on its plant counts in neither.
    assert won_back(rows).value == pytest.approx(0.5)
    assert won_back([row for row in rows if row["found"]]).value == pytest.approx(1.0)
    figures = of_method(kept_rows(ROWS), "ours")
    assert figures["to_dro"]["value"] == pytest.approx(-0.15)
    assert figures["found"]["value"] == pytest.approx(0.5)


def test_shortcuts_of_one_network_are_drawn_together() -> None:
    rows = [{"network": name, "x": float(name in "abc")} for name in "abcdef" for _ in range(50)]
    found = over_networks(rows, lambda row: (row["x"], 1.0), lambda means: means[:, 0] / means[:, 1])
    assert found.value == 0.5
    # As of six values, not of three hundred.
    assert found.low is not None
    assert found.low < 0.2
    few = over_networks(rows[:200], lambda row: (row["x"], 1.0), lambda means: means[:, 0] / means[:, 1])
    assert few.low is None


def test_a_table_has_a_row_a_method_in_order() -> None:
    lines = table(summary(ROWS), ("planted", "ceiling", "ours")).splitlines()
    assert [line.split(" | ")[0] for line in lines[4:7]] == ["| planted", "| ceiling", "| ours"]
    assert lines[4].startswith("| planted | 15 | 0 | 100 | 50 |")
