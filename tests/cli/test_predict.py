"""`nearsight predict`: rows of images without labels, and what it prints of them."""

import csv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nearsight.cli.commands.predict import _least_certain
from nearsight.cli.following import tile_of

Refused = Callable[..., str]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    place = tmp_path / "photos" / "monday"
    place.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(place / f"{number}.png")
    (place / "bad.jpg").write_bytes(b"no image")
    return tmp_path / "photos"


def test_a_folder_becomes_rows(
    trained: Path, photos: Path, printed: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.csv"
    found = printed("predict", trained, photos, "--out", out, "--top", "2", "--workers", "0")
    assert (found["images"], found["faults"], found["out"]) == (4, 1, str(out))
    rows = list(csv.DictReader(out.read_text().splitlines()))
    for row, shown in zip(rows, found["predictions"], strict=True):
        assert {name: "" if value is None else value for name, value in shown.items()}.keys() == row.keys()
        assert row["class"] == (shown["class"] or "")
    assert rows[3]["fault"].startswith("cannot read")
    assert not capsys.readouterr().out


def test_what_was_predicted_is_not_lost_and_can_be_gone_on_with(
    trained: Path, photos: Path, printed: Callable, refused: Refused, tmp_path: Path
) -> None:
    out = tmp_path / "rows.parquet"
    printed("predict", trained, photos, "--out", out, "--workers", "0")
    line = refused("predict", trained, photos, "--out", out, "--workers", "0", "--quiet")
    assert line == f"{out} already exists; continue it with --resume, give another --out, or remove it"
    (photos / "monday" / "bad.jpg").unlink()
    found = printed("predict", trained, photos, "--out", out, "--workers", "0", "--resume")
    assert (found["images"], found["faults"], len(found["predictions"])) == (3, 0, 3)


def test_the_least_certain_prediction_of_a_file_is_looked_at_next(tmp_path: Path) -> None:
    for name in ("sure.png", "unsure.png"):
        (tmp_path / name).touch()
    rows = [
        {"path": str(tmp_path / "sure.png"), "margin": 0.8},
        {"path": str(tmp_path / "unsure.png"), "margin": 0.1},
        {"path": "row 7", "margin": 0.0},
        {"path": str(tmp_path / "bad.png"), "margin": None},
    ]
    assert _least_certain(rows) == (str(tmp_path / "unsure.png"), 0.1, 2)
    assert _least_certain(rows[2:]) is None
    # Of a table that was continued, a path may be any text.
    odd = [{**rows[0], "path": path} for path in ("x" * 100_000, "x\0y", "\udce9")]
    assert _least_certain([*odd, *rows]) == (str(tmp_path / "unsure.png"), 0.1, 2)


@pytest.mark.parametrize(("tile", "training", "asked"), [(6, {}, None), (None, {}, 8)])
def test_a_run_that_was_repaired_and_not_evaluated_is_looked_at_by_its_own_tile(
    tile: int | None, training: dict[str, Any], asked: int | None
) -> None:
    run: Any = SimpleNamespace(classifier=lambda: SimpleNamespace(tile=tile), training=training, result={})
    assert tile_of(run) == asked


def test_what_is_no_image_is_said_in_a_line(
    trained: Path, photos: Path, tmp_path: Path, refused: Refused
) -> None:
    assert "no file or folder" in refused(
        "predict", trained, tmp_path / "nowhere", "--out", tmp_path / "a.csv"
    )
    assert refused("predict", trained, "--out", tmp_path / "a.csv").startswith("no image was found")
    line = refused("predict", trained, photos, "--out", tmp_path / "a.xlsx")
    assert "ends in .csv or .parquet" in line
