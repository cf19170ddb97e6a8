"""A whole diagnosis: known answers, edge cases, tables and files."""

import json
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from nearsight.data import ImageSet
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis import TABLES, Diagnosis, diagnose
from nearsight.diagnosis.expected import EVALUATING, Expected
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.reliance.part import NO_REGION
from nearsight.diagnosis.table import PLACE, PLACES
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.report import write_diagnosis
from nearsight.report.page.diagnosis_page import diagnosis_html
from nearsight.rows import to_values
from nearsight.write import plain

Shades = Callable[..., Classifier]
Shaded = Callable[..., ImageSet]

# What the files of a diagnosis hold in another form, and what they do not hold.
_NOT_SAVED = ("pictures", "predictions")


def strict(path: Path) -> dict[str, object]:
    """Read JSON that has no NaN."""
    return json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def kept(found: Diagnosis) -> list[str]:
    """Return the names of the tables of the parts that were not left out."""
    return [table.name for part in found.asked for table in part.tables]


def check_files(found: Diagnosis, directory: Path) -> str:
    """Write everything, read it back, and return the page."""
    write_diagnosis(found, directory)
    content = strict(directory / "diagnosis.json")
    assert content["sentences"] == list(found.sentences())
    for name in kept(found):
        table = pyarrow.parquet.read_table(directory / f"{name}.parquet")
        assert table.column_names == list(TABLES[name].kinds)
        assert len(table) == len(found.table(name)) == len(content[name])
    page = (directory / "report.html").read_text()
    check_same(Diagnosis.load(directory), found)
    assert diagnosis_html(Diagnosis.load(directory)) == page
    return page


def check_same(again: Diagnosis, found: Diagnosis) -> None:
    """Compare two diagnoses in every row, map and table."""
    rows, maps = [], []
    for one in (again, found):
        tensors: dict[str, torch.Tensor] = {}
        parts = (getattr(one, spec.name) for spec in fields(one) if spec.name not in _NOT_SAVED)
        rows.append([plain(to_values(part, tensors, str(number))) for number, part in enumerate(parts)])
        maps.append(tensors)
    assert rows[0] == rows[1]
    assert maps[0].keys() == maps[1].keys()
    assert all(torch.equal(maps[0][name], maps[1][name]) for name in maps[0])
    for name in kept(found):
        assert again.table(name).equals(found.table(name))


@pytest.mark.parametrize(
    ("whole", "without", "parts", "words"),
    [
        (
            3000.0,
            120.0,
            ["verdicts", "labels"],
            " if it does not search for shortcuts, with `parts=['labels']`",
        ),
        # Little is saved; it is not long; nothing is left.
        (3000.0, 2000.0, ["verdicts", "labels"], None),
        (800.0, 120.0, ["verdicts", "labels"], None),
        (3000.0, 120.0, ["verdicts"], None),
    ],
)
def test_a_long_diagnosis_says_that_the_search_for_shortcuts_makes_it_long(
    shades: Shades,
    shaded: Shaded,
    monkeypatch: pytest.MonkeyPatch,
    listener: Any,
    whole: float,
    without: float,
    parts: list[str],
    words: str | None,
) -> None:
    def foresee(_: TiledModel, parts: list[Part[Any, Any]], **__: Any) -> Expected:
        seconds = whole if any(part.name == "verdicts" for part in parts) else without
        return Expected(seconds, seconds)

    monkeypatch.setattr("nearsight.diagnosis.diagnosing.expected_diagnosis", foresee)
    images = shaded("abc", shown=[0, 1, 2] * 4, labels=[0, 1, 2] * 4)
    diagnose(TiledModel(shades("abc"), stride=4), images, parts=parts, progress=listener)
    [line] = [line for line in listener.said if line.startswith("the diagnosis takes about ")]
    told = line.partition("; ")[2]
    assert told == ("" if words is None else f"about 2:00{words}")


def test_the_time_of_what_is_still_to_come_is_always_left(
    shades: Shades, shaded: Shaded, monkeypatch: pytest.MonkeyPatch, listener: Any
) -> None:
    def foresee(*_: Any, **__: Any) -> Expected:
        # All that is measured here takes longer than was foreseen, until the last part.
        return Expected(301.0, 301.0, {EVALUATING: 1e-9, "verdicts": 1e-9, "locality": 300.0})

    monkeypatch.setattr("nearsight.diagnosis.diagnosing.expected_diagnosis", foresee)
    left: list[str] = []
    monkeypatch.setattr(listener, "count", lambda *counted: left.extend(counted[3:]))
    images = shaded("abc", shown=[0, 1, 2] * 4, labels=[0, 1, 2] * 4)
    diagnose(TiledModel(shades("abc"), stride=4), images, parts=["verdicts", "locality"], progress=listener)
    told = [line for line in left if "left)" in line]
    assert len(told) > 3
    assert all(re.search(r"diagnosis: about (4:\d\d|5:00) left", line) for line in told)


def test_a_planted_mistake_comes_out(shades: Shades, shaded: Shaded, tmp_path: Path) -> None:
    images = shaded("abc", shown=[0, 1, 2] * 4, labels=[0, 1, 2] * 3 + [0, 1, 1])
    found = diagnose(TiledModel(shades("abc"), stride=4), images, others={"train": images}, faithfulness=2)
    [pair] = found["errors"].pairs
    assert (pair.label, pair.prediction, pair.errors) == (1, 2, (11,))
    assert found.table("errors")["path"].tolist() == ["11.png"]
    accuracy = {row.protocol: row.accuracy.value for row in found["protocols"].rows}
    assert accuracy["mean-logit"] == pytest.approx(11 / 12)
    assert "reliance" not in found
    assert {row.method for row in found["faithfulness"].rows} >= {"evidence", "random", "edges"}
    page = check_files(found, tmp_path)
    assert "11.png" in page


def test_no_errors_and_a_class_without_images(shades: Shades, shaded: Shaded, tmp_path: Path) -> None:
    found = diagnose(TiledModel(shades("abc")), shaded("abc", shown=[0, 2, 0]), faithfulness=0)
    assert (found["errors"].errors, found["errors"].pairs) == ((), ())
    assert found.notes == ("1 of 3 classes has no image here: b",)
    assert any("none of 3 images is wrong" in sentence for sentence in found.sentences())
    check_files(found, tmp_path)


def test_one_class(shades: Shades, shaded: Shaded, tmp_path: Path) -> None:
    found = diagnose(TiledModel(shades(["only"])), shaded(["only"], shown=[0, 0]), faithfulness=1)
    assert not found["errors"].errors
    check_files(found, tmp_path)


def test_a_thousand_classes(shades: Shades, shaded: Shaded, tmp_path: Path) -> None:
    names = [f"shade {i}" for i in range(1000)]
    found = diagnose(
        TiledModel(shades(names)), shaded(names, shown=[0, 500, 999], labels=[0, 400, 999]), faithfulness=0
    )
    # The shade of class 500 lies between two of 256 grey levels; the upper one is nearest to class 501.
    assert [(error.label, error.prediction) for error in found["errors"].errors] == [(400, 501)]
    assert len(found["errors"].errors[0].kept) == 10
    check_files(found, tmp_path)


def test_only_so_many_images_are_drawn_and_the_same_by_seed(shades: Shades, shaded: Shaded) -> None:
    images = shaded("ab", shown=[0, 1] * 20, labels=[0, 1, 1, 0] * 10)
    first, again, other = (
        diagnose(TiledModel(shades("ab")), images, limit=11, faithfulness=0, seed=seed) for seed in (1, 1, 2)
    )
    assert first.images == sum(first.class_images) == 11
    assert first.notes == ("11 of 40 images were drawn at random, by seed 1",)
    assert first.table("errors").equals(again.table("errors"))
    assert first.table("errors")["path"].tolist() != other.table("errors")["path"].tolist()


def test_what_points_at_an_image_is_its_place_in_the_whole_split(
    shades: Shades, shaded: Shaded, tmp_path: Path
) -> None:
    images = shaded("ab", shown=[0, 1] * 20, labels=[0, 1, 1, 0] * 10)
    found = diagnose(TiledModel(shades("ab"), stride=4), images, limit=21, faithfulness=0)
    check_files(found, tmp_path)
    content = strict(tmp_path / "diagnosis.json")
    files = {row["place"]: row["path"] for row in content["examined"]}
    assert list(files) != list(range(21))
    assert files == {place: images.path(place) for place in files}
    pointing = [
        (table.name, column)
        for table in TABLES.values()
        for column in table.columns
        if column.kind in (PLACE, PLACES)
    ]
    assert {name for name, _ in pointing} == {
        "verdicts", "reasons", "tiles", "errors", "pairs", "suspects", "duplicates"
    }  # fmt: skip
    for name, column in pointing:
        rows = content[name]
        assert rows or name in ("verdicts", "suspects", "duplicates")
        for row in rows:
            places = row[column.name] if column.kind == PLACES else [row[column.name]]
            assert set(places) <= set(files)
            assert "path" not in row or [row["path"]] == [files[place] for place in places]
            # Pairs of confusion and reasons point at images of their own class alone.
            of_class = row.get("class" if name == "reasons" else "label")
            if column.kind == PLACES and name != "verdicts":
                assert {"ab"[images.labels[place]] for place in places} == {of_class}
    assert len(found.table("examined")) == found.images == 21


def test_places_of_a_set_that_was_left_a_part_of_are_those_of_all(shades: Shades, shaded: Shaded) -> None:
    images = shaded("ab", shown=[0, 1] * 20, labels=[0, 1, 1, 0] * 10)
    kept = np.arange(10, 40)
    found = diagnose(
        TiledModel(shades("ab")), images.select(kept), places=kept, limit=9, parts=["errors"], faithfulness=0
    )
    assert found.paths == tuple(images.path(place) for place in found.places)
    # Files of older versions do not hold them.
    older = replace(found, places=(), paths=())
    assert older.table("examined").empty
    assert older.table("errors")["index"].tolist() == [error.index for error in found["errors"].errors]


def test_regions_of_no_pixel_say_nothing(shades: Shades, shaded: Shaded, tmp_path: Path) -> None:
    images = shaded("ab", shown=[0, 1])
    empty = ImageSet(
        images.name,
        images.split,
        images.classes,
        images.labels,
        images.images,
        MaskRegions(torch.zeros(2, 16, 20, dtype=torch.bool)),
    )
    found = diagnose(TiledModel(shades("ab")), empty, faithfulness=0)
    assert found.absent["reliance"] == NO_REGION
    check_files(found, tmp_path)


def test_regions_that_do_not_fit_are_named(shades: Shades, shaded: Shaded) -> None:
    images = shaded("ab", shown=[0, 1])
    masks = MaskRegions(torch.ones(2, 9, 9, dtype=torch.bool))
    wrong = ImageSet("shades", "test", images.classes, images.labels, images.images, masks)
    with pytest.raises(InputError, match=r"the mask of image 0 is 9×9 but the image 16×20"):
        diagnose(TiledModel(shades("ab")), wrong, faithfulness=0)


def test_a_classifier_of_whole_images_needs_a_tile(shades: Shades, shaded: Shaded) -> None:
    whole = shades("ab")
    whole.tile = None
    with pytest.raises(InputError, match="trained on whole images; give the side of the tiles"):
        diagnose(TiledModel(whole), shaded("ab", shown=[0, 1]))
    assert (
        diagnose(TiledModel(whole, tile=8), shaded("ab", shown=[0, 1]), faithfulness=1).trained_tile is None
    )


def test_a_set_without_images_is_refused(shades: Shades, shaded: Shaded) -> None:
    with pytest.raises(InputError, match="no images"):
        diagnose(TiledModel(shades("ab")), shaded("ab", shown=[0, 1]).select(np.array([], dtype=np.int64)))


def test_an_unknown_table_is_named(shades: Shades, shaded: Shaded) -> None:
    found = diagnose(TiledModel(shades("ab")), shaded("ab", shown=[0, 1]), faithfulness=0)
    with pytest.raises(InputError, match="unknown table 'eror'"):
        found.table("eror")


@pytest.mark.parametrize("trained_tile", [8, None])
def test_a_network_that_refuses_whole_images_is_diagnosed_on_tiles(
    shaded: Shaded, tmp_path: Path, trained_tile: int | None
) -> None:
    images = shaded("ab", shown=[0, 1])

    def of_one_size(seen: torch.Tensor) -> torch.Tensor:
        assert seen.shape[-1] == 8, "only 8 pixels wide"
        return torch.stack([seen.mean((1, 2, 3)) * scale for scale in range(len(images.classes))], 1)

    classifier = Classifier.of(of_one_size, classes=images.classes, tile=8, mean=0.5, std=0.5)
    classifier.tile = trained_tile
    found = diagnose(TiledModel(classifier, tile=8, stride=8), images, faithfulness=1)
    assert "full-pass is left out: only 8 pixels wide" in found.notes
    assert [row.protocol for row in found["protocols"].rows] == [
        "mean-logit",
        "mean-probability",
        "vote",
        "single-tile",
    ]
    assert all(
        row.agreement.value is None and row.accuracy.value is not None for row in found["protocols"].rows
    )
    assert "takes tiles of one size only" in found.absent["locality"]
    assert found["faithfulness"].protocol == "mean-logit"
    assert "as by the full pass" not in " ".join(found.sentences())
    check_files(found, tmp_path)


def test_what_running_the_model_tells_is_said_and_kept(shaded: Shaded, listener: Any) -> None:
    images = shaded("ab", shown=[0, 1])

    def company(seen: torch.Tensor) -> torch.Tensor:
        means = seen.mean((2, 3))[:, : len(images.classes)]
        return means + seen.mean()

    one = Classifier.of(company, classes=images.classes, tile=8, mean=0.5, std=0.5)
    found = diagnose(TiledModel(one, stride=8), images, faithfulness=0, progress=listener)
    [told] = [note for note in found.notes if "other tiles of its batch" in note]
    assert listener.said.count(f"warning: {told}") == 1
