"""The summary, counted again from the files that the set was made of."""

import json
from collections.abc import Callable
from pathlib import Path

from nearsight.data.loading import load
from nearsight.data.summary import summarise


def test_a_varied_set_is_described(write_parquet: Callable[..., Path], png: Callable[..., bytes]) -> None:
    sides = [(8, 9), (10, 20), (7, 31), (12, 12), (30, 10)]
    boxes = [[0, 0, 2, 2], None, [1, 1, 1, 4], [3, 3, 5, 5], None]
    images = [png(k, *size) for k, size in enumerate(sides)]
    write_parquet("set/sample.parquet", images, label=[0, 0, 2, 0, 2], box=boxes)
    write_parquet("set/test.parquet", images[3:4] * 2, label=[1, 1], box=boxes[:2])
    summary = summarise(load(Path("set")))
    assert json.loads(json.dumps(summary)) == summary
    assert summary["classes"] == ["0", "1", "2"]
    assert summary["largest_tile"] == 7
    assert "sample: regions that cover no pixel, and so count as unknown: 1 (box)" in summary["notes"]
    assert summary["splits"] == {
        "test": {
            "images": 2,
            "class_counts": [0, 2, 0],
            "heights": {"smallest": 12, "median": 12, "largest": 12},
            "widths": {"smallest": 12, "median": 12, "largest": 12},
            "largest_tile": 12,
            "in_memory": True,
            "regions": {"kind": "boxes", "known": 1},
            "columns": {},
        },
        "sample": {
            "images": 5,
            "class_counts": [3, 0, 2],
            "heights": {"smallest": 7, "median": 10, "largest": 30},
            "widths": {"smallest": 9, "median": 12, "largest": 31},
            "largest_tile": 7,
            "in_memory": False,
            "regions": {"kind": "boxes", "known": 2},
            "columns": {},
        },
    }


def test_unknown_regions_are_counted_as_none() -> None:
    splits = summarise(load("digits"))["splits"]
    assert splits["train"]["regions"] == {"kind": None, "known": 0}
    assert sum(sum(split["class_counts"]) for split in splits.values()) == 1797
