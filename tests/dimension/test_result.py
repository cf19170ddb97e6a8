"""The result: its table and its file hold the same numbers."""

import json
from pathlib import Path

import pandas
import pytest
from tests.measured_digits import measured_digits

from nearsight.dimension import Dimension
from nearsight.dimension.result import UNITS


@pytest.fixture(scope="module")
def digits() -> Dimension:
    return measured_digits(2, 5, None)


def test_the_table_is_what_the_file_holds(digits: Dimension, tmp_path: Path) -> None:
    digits.save(tmp_path)
    kept = json.loads((tmp_path / "dimension.json").read_text())
    table = digits.table()
    assert table.index.tolist() == ["2", "5", "full"]
    for row, measures in zip(kept["tiles"], table.to_dict("records"), strict=True):
        assert measures["input dimension"] == row["input_dimension"]
        for space in ("raw", "normalised"):
            assert measures[f"slope, {space}"] == row["coverage"][space]["slope"]["value"]
            assert measures[f"effective tiles, {space}"] == row["effective"][space]["value"]
            assert measures[f"tile agreement, {space}"] == row["coverage"][space]["tile_agreement"]["value"]
        for found in row["intrinsic"]:
            name = f"{found['estimator']}, {found['space']}"
            assert measures[name] == found["estimate"]["value"] or pandas.isna(measures[name])
    assert kept["units"] == UNITS
    assert kept["words"] == digits.words()


def test_an_estimate_is_found_by_its_name(digits: Dimension) -> None:
    for row in digits.tiles:
        for space in ("raw", "normalised"):
            for estimator in ("two-nn", "levina-bickel"):
                found = row.dimension(estimator, space)
                assert (found.estimator, found.space) == (estimator, space)


def test_it_comes_back_as_it_was(digits: Dimension, tmp_path: Path) -> None:
    digits.save(tmp_path)
    again = Dimension.load(tmp_path)
    assert again == digits
    assert again.to_json() == digits.to_json()


RESULTS = Path(__file__).parents[2] / "docs" / "results" / "dimension"


@pytest.mark.parametrize(
    "directory",
    [*sorted(RESULTS.iterdir()), Path(__file__).parents[1] / "fixtures" / "schema-1" / "dimension"],
)
def test_results_of_older_versions_are_read(directory: Path) -> None:
    held = json.loads((directory / "dimension.json").read_text())
    found = Dimension.load(directory)
    assert [row["effective"]["raw"]["value"] for row in held["tiles"]] == [
        row.effective["raw"].value for row in found.tiles
    ]
    assert found.chance == held["chance"]


def test_a_file_of_the_second_schema_weighed_no_tiles(digits: Dimension, tmp_path: Path) -> None:
    digits.save(tmp_path)
    held = json.loads((tmp_path / "dimension.json").read_text())
    held["schema"] = 2
    del held["digest"], held["embedding"], held["sampling"]["example_images"]
    for row in held["tiles"]:
        del row["examples"]
    (tmp_path / "dimension.json").write_text(json.dumps(held))
    again = Dimension.load(tmp_path)
    assert again.sampling.example_images == 0
    assert all(not row.examples for row in again.tiles)
    assert again.table()["two-nn, raw"].equals(digits.table()["two-nn, raw"])
