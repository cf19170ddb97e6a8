"""Schema numbers: what is older is read with its own defaults, what is newer is refused in words."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nearsight.data import load
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation, evaluate
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models import load_classifier
from nearsight.runs import Run
from nearsight.schema import SCHEMAS, numbered, read_schema
from nearsight.settings import Machine, Recipe, recipe_from_toml
from nearsight.settings.recipe import recipe_table
from nearsight.study.settings import Study
from nearsight.training import train
from nearsight.training.checkpoint import read_checkpoint

OLD = Path(__file__).parent / "fixtures" / "schema-1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of results that were written before files had schema numbers."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


@pytest.mark.parametrize("wrong", [0, -1, "2", True, 1.0, None])
def test_a_number_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"x\.toml: schema takes a whole number from 1 on"):
        read_schema("recipe", {"schema": wrong}, "x.toml")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_kind_reads_what_it_writes_and_nothing_newer(kind: str) -> None:
    assert read_schema(kind, numbered(kind, {}), "file") == SCHEMAS[kind]
    assert read_schema(kind, {}, "file") == 1
    with pytest.raises(InputError, match=rf"file was written by a newer Nearsight \({kind} schema .*upgrade"):
        read_schema(kind, {"schema": SCHEMAS[kind] + 1}, "file")


def test_a_run_from_before_the_numbers_opens_whole(old: Path) -> None:
    run = Run.open(old / "run")
    assert run.finished
    assert (run.recipe.data, run.recipe.tile, run.recipe.width, run.recipe.steps) == ("digits", 4, 0.1, 40)
    assert run.result["training"]["steps"] == 40
    assert run.classifier().classes == tuple("0123456789")
    assert len(run.predictions()) == 359
    held = Evaluation.load(run.directory)
    assert held.metrics["vote"]["n"] == 359
    assert read_checkpoint(old / "begun").milestone.step == 4


def test_a_run_from_before_the_numbers_goes_on_and_is_evaluated(old: Path) -> None:
    sets = load("digits")
    run = train(Run(old / "begun").recipe, sets, old / "begun", resume=True, machine=Machine(device="cpu"))
    assert run.result["training"]["steps"] == 8
    found = evaluate(TiledModel(run.classifier(), stride=4), sets["test"].select(np.arange(10)))
    found.save(old / "run")
    assert Evaluation.load(old / "run").metrics.keys() == found.metrics.keys()
    assert Run(old / "run").result["training"]["steps"] == 40
    assert json.loads((old / "run" / "result.json").read_text())["schema"] == SCHEMAS["result"]


@pytest.mark.parametrize("name", [spec.name for spec in fields(Recipe) if spec.name != "model"])
def test_a_run_without_a_line_of_its_recipe_opens_with_the_default(old: Path, name: str) -> None:
    path = old / "run" / "recipe.toml"
    whole = Run(old / "run").recipe
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name} =")]
    path.write_text("\n".join(lines))
    expected = replace(whole, **{name: getattr(Recipe(), name)})
    assert Run.open(old / "run").recipe == expected


def test_a_field_that_is_new_has_what_it_would_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = (spec for spec in fields(Recipe) if spec.name == "momentum")
    monkeypatch.setattr(spec, "metadata", {**spec.metadata, "was": {1: 0.25}})
    monkeypatch.setattr("nearsight.settings.recipe.SCHEMAS", {"recipe": 2})
    assert recipe_from_toml("tile = 16", unnumbered=1).momentum == 0.25
    assert recipe_from_toml("tile = 16\nmomentum = 0.5", unnumbered=1).momentum == 0.5
    monkeypatch.setattr("nearsight.schema.SCHEMAS", {"recipe": 2})
    assert recipe_from_toml("tile = 16\nschema = 2").momentum == 0.9
    # What people write by hand is of today.
    assert recipe_from_toml("tile = 16", unnumbered=2).momentum == 0.9


def test_an_unknown_field_is_named_with_the_nearest_and_a_newer_file_in_words(old: Path) -> None:
    path = old / "run" / "recipe.toml"
    whole = path.read_text()
    path.write_text(whole + "\nwarmupp = 0.1\n")
    with pytest.raises(
        InputError, match=r"recipe\.toml: unknown recipe field 'warmupp'; did you mean 'warmup'"
    ):
        _ = Run(old / "run").recipe
    path.write_text(whole + "\nwarmupp = 0.1\nschema = 99\n")
    with pytest.raises(InputError, match=r"recipe\.toml was written by a newer Nearsight \(recipe schema 99"):
        _ = Run(old / "run").recipe


def _of_json(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))


def _of_toml(path: Path) -> None:
    path.write_text("schema = 99\n" + path.read_text())


def _of_parquet(path: Path) -> None:
    table = parquet.read_table(path, memory_map=False)
    settings = json.loads(table.schema.metadata[b"nearsight"]) | {"schema": 99}
    parquet.write_table(table.replace_schema_metadata({"nearsight": json.dumps(settings)}), path)


def _of_tensors(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    if "evidence" in header:
        header["evidence"] = json.dumps({**json.loads(header["evidence"]), "schema": 99})
    save_file(load_file(path), path, header | {"schema": "99"})


NEWER: list[tuple[str, Callable[[Path], None], Callable[[Path], object]]] = [
    ("run/recipe.toml", _of_toml, lambda old: Run(old / "run").recipe),
    ("run/result.json", _of_json, lambda old: Run(old / "run").result),
    ("run/result.json", _of_json, lambda old: Evaluation.load(old / "run")),
    ("run/model.json", _of_json, lambda old: load_classifier(old / "run")),
    ("run/predictions.parquet", _of_parquet, lambda old: Run(old / "run").predictions()),
    ("run/predictions.parquet", _of_parquet, lambda old: Evaluation.load(old / "run")),
    ("begun/checkpoint/state.safetensors", _of_tensors, lambda old: read_checkpoint(old / "begun")),
    (
        "heatmaps/image-0.safetensors",
        _of_tensors,
        lambda old: EvidenceMap.load(old / "heatmaps/image-0.safetensors"),
    ),
    ("comparison/study.toml", _of_toml, lambda old: Study.load(old / "comparison")),
]


@pytest.mark.parametrize(
    ("name", "renumber", "read"), NEWER, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(NEWER)]
)
def test_a_file_of_a_newer_version_is_refused_in_words(
    old: Path, name: str, renumber: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    read(old)
    renumber(old / name)
    with pytest.raises(
        InputError, match=rf"{Path(name).name} was written by a newer Nearsight .*99.*; upgrade"
    ):
        read(old)


def test_a_study_from_before_the_numbers_is_the_same_as_one_of_today(old: Path) -> None:
    study = Study.load(old / "comparison")
    assert study.arms == ("full", "full+standard", "tile-4")
    assert (study.seeds, study.stride, study.base.width) == (1, None, 0.1)
    study.save(old)
    assert Study.load(old) == study
    assert "schema = 1" in (old / "study.toml").read_text()


def test_a_recipe_says_its_number_first() -> None:
    assert next(iter(recipe_table(Recipe()))) == "schema"
