import shutil

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import parquet

import nearsight
from nearsight import read
from nearsight.data.split_list import Listing
from nearsight.errors import InputError
from nearsight.models import Architecture, Classifier, Preprocessing, save_classifier
from nearsight.read import parse_json, parse_sealed_json
from nearsight.runs import Run, result_file, write_json, write_text
from nearsight.runs.result_file import read_result_file
from nearsight.settings import Recipe
from nearsight.training.metrics_log import training_curve

SCORES = pyarrow.list_(pyarrow.float32())

TABLE = pyarrow.table({"index": [0, 1], "label": [1, 0], "vote.scores": [[0.1, 0.9], [0.8, 0.2]]})


def read_whole(run):
    return run.recipe, run.result, run.classifier()


@pytest.fixture
def directory(tmp_path):
    architecture = Architecture("resnet18", classes=2, width=0.125)
    preprocessing = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    save_classifier(Classifier(architecture.build(), architecture, ("a", "b"), 16, preprocessing), tmp_path)
    write_text(tmp_path / "recipe.toml", 'data = "digits"\ntile = 16\n')
    write_json(tmp_path / "result.json", {"training": {"seconds": 1.5}})
    parquet.write_table(TABLE, tmp_path / "predictions.parquet")
    return tmp_path


def test_a_finished_run_is_read_whole(directory):
    run = Run.open(str(directory))
    assert run.finished
    assert run.recipe == Recipe(data="digits", tile=16)
    assert run.result == {"training": {"seconds": 1.5}}
    assert run.predictions().equals(TABLE)
    assert run.classifier()(torch.zeros(1, 3, 16, 16)).shape == (1, 2)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Two runs of one network, of other seeds, tiles and images, each trained and evaluated."""
    sets = nearsight.load("digits")
    places = [tmp_path_factory.mktemp("runs") / name for name in ("one", "other")]
    for seed, place in enumerate(places):
        parts = {name: sets[name].select(np.arange(24) + seed) for name in ("train", "val", "test")}
        few = nearsight.ImageSets("few", parts)
        how = {"recipe": "fast", "tile": 8 - seed, "steps": 2, "batch_size": 8, "width": 0.1, "seed": seed}
        run = nearsight.train(few, **how, out=place, progress=False)
        nearsight.evaluate(run, few, progress=False)
    return places


READERS = {
    "model.safetensors": lambda place: Run.open(place).classifier(),
    "model.json": lambda place: nearsight.predict(place, [np.zeros((8, 8, 3), np.uint8)], progress=False),
    "recipe.toml": lambda place: Run.open(place).recipe,
    "split.parquet": lambda place: Listing.load(place),
    "predictions.parquet": lambda place: Run.open(place).predictions(),
    "metrics.csv": training_curve,
}


@pytest.mark.parametrize("name", READERS)
def test_a_whole_file_of_another_run_is_refused(two_runs, tmp_path, name):
    one, other = two_runs
    place = shutil.copytree(one, tmp_path / "run")
    READERS[name](place)
    shutil.copy(other / name, place / name)
    with pytest.raises(
        InputError, match=r"is of another run than|are of two evaluations|is damaged: its content"
    ):
        READERS[name](place)


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "recipe.toml", "split.parquet"])
def test_what_no_result_lists_is_read_as_before(two_runs, tmp_path, name):
    one, other = two_runs
    place = shutil.copytree(one, tmp_path / "run")
    shutil.copy(other / name, place / name)
    kept = {key: value for key, value in read_result_file(place / "result.json").items() if key != "beside"}
    write_json(place / "result.json", kept)
    READERS[name](place)
    # A damaged result says nothing of the others, and is told where it is read.
    (place / "result.json").write_text("{")
    READERS[name](place)


def test_a_result_is_taken_apart_once_for_all_files_of_its_run(two_runs, tmp_path, monkeypatch):
    one, other = two_runs
    place = shutil.copytree(one, tmp_path / "run")
    parsed = []
    monkeypatch.setattr(read, "parse_json", lambda *given: parsed.append(given) or parse_json(*given))
    monkeypatch.setattr(read, "_BESIDE", {})
    for name in ("model.safetensors", "recipe.toml", "split.parquet", "model.safetensors"):
        read.check_of_run(place / name)
    assert len(parsed) == 1
    # Another result in its place is another list.
    shutil.copy(other / "result.json", place / "result.json")
    with pytest.raises(InputError, match="is of another run than"):
        read.check_of_run(place / "recipe.toml")
    assert len(parsed) == 2


def test_the_outline_is_the_result_without_its_classes_and_is_taken_apart_once(
    two_runs, tmp_path, monkeypatch
):
    one, other = two_runs
    run = Run.open(shutil.copytree(one, tmp_path / "run"))
    parsed = []
    monkeypatch.setattr(
        result_file, "parse_sealed_json", lambda *given: parsed.append(1) or parse_sealed_json(*given)
    )
    monkeypatch.setattr(result_file, "_OUTLINES", {})
    whole = run.result
    for measured in whole["evaluation"]["test"]["protocols"].values():
        assert measured.pop("per_class")
        del measured["confusion"]
    assert run.outline == whole
    run.outline["evaluation"].clear()
    assert run.outline == whole
    assert run.training == whole["training"]
    assert len(parsed) == 1
    # What is in the file now is what counts.
    shutil.copy(other / "result.json", run.directory / "result.json")
    assert run.training == Run.open(other).result["training"] != whole["training"]
    assert len(parsed) == 2
    damaged = (run.directory / "result.json").read_bytes().replace(b"training", b"trainink")
    (run.directory / "result.json").write_bytes(damaged)
    with pytest.raises(InputError, match="is damaged"):
        _ = run.outline


def test_a_file_that_was_changed_on_purpose_has_a_way_out(two_runs, tmp_path):
    one, other = two_runs
    place = shutil.copytree(one, tmp_path / "run")
    shutil.copy(other / "model.safetensors", place / "model.safetensors")
    (place / "result.json").rename(place / "result-of-then.json")
    changed, theirs = (Run.open(at).classifier().network.state_dict() for at in (place, other))
    assert all(torch.equal(changed[name], theirs[name]) for name in theirs)


def test_predictions_already_read_survive_their_replacement(directory):
    table = Run.open(directory).predictions()
    (directory / "predictions.parquet").write_bytes(b"replaced")
    assert table.equals(TABLE)


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize(
    ("missing", "look"),
    [
        ("model.safetensors", Run.classifier),
        ("model.json", Run.classifier),
        ("result.json", lambda run: run.result),
    ],
)
def test_an_unfinished_run_says_what_is_missing_and_how_to_finish(directory, missing, look, checkpoint):
    (directory / missing).unlink()
    if checkpoint:
        (directory / "checkpoint").mkdir()
    run = Run.open(directory)
    assert not run.finished
    assert run.recipe.tile == 16
    with pytest.raises(InputError, match=f"has no {missing}: the run is not finished") as caught:
        look(run)
    assert ("resume=True" in str(caught.value)) == checkpoint


def test_a_run_without_predictions_names_the_command_that_makes_them(directory):
    (directory / "predictions.parquet").unlink()
    with pytest.raises(InputError, match=r"no predictions\.parquet; run `nearsight evaluate"):
        Run.open(directory).predictions()


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        Run.open(tmp_path / "nowhere")
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(InputError, match="is a file, not a directory"):
        Run.open(tmp_path / "photo.png")
    with pytest.raises(InputError, match=r"not a run's directory: it has no recipe\.toml"):
        Run.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("recipe.toml", lambda run: run.recipe),
        ("result.json", lambda run: run.result),
        ("model.json", Run.classifier),
        ("model.safetensors", Run.classifier),
        ("predictions.parquet", Run.predictions),
    ],
)
@pytest.mark.parametrize("part", [0.3, 0.97])
def test_a_file_cut_short_is_named(directory, name, look, part):
    content = (directory / name).read_bytes().rstrip()
    (directory / name).write_bytes(content[: int(len(content) * part)])
    if name == "recipe.toml" and part == 0.97:
        (directory / name).write_bytes(content + b"\nmodel =")
    with pytest.raises(InputError, match=name) as caught:
        look(Run.open(directory))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["recipe.toml", "result.json", "model.json"])
def test_a_file_that_is_not_text_is_named(directory, name):
    (directory / name).write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(InputError, match=name):
        read_whole(Run.open(directory))


def test_a_result_that_is_no_object_is_refused(directory):
    (directory / "result.json").write_text("[1]")
    with pytest.raises(InputError, match="takes names and values, got list"):
        assert Run.open(directory).result


@pytest.mark.parametrize("held", [3, [1], {"test": 3}])
def test_a_result_without_evaluations_by_split_is_refused(directory, held):
    write_json(directory / "result.json", {"evaluation": held})
    with pytest.raises(InputError, match=r"result\.json: evaluation.* takes a table, got"):
        _ = Run.open(directory).result


def test_an_empty_recipe_is_not_a_recipe_of_defaults(directory):
    (directory / "recipe.toml").write_text("")
    with pytest.raises(InputError, match=r"recipe\.toml is empty"):
        _ = Run.open(directory).recipe


@pytest.mark.parametrize(
    "scores", [[None, [0.5, 0.5]], [[0.5, 0.5], None], [[0.5, 0.5], [0.5, None]], [[], []]]
)
def test_predictions_without_a_score_for_every_class_are_refused(directory, scores):
    held = {"label": [0, 1], "vote.prediction": [0, 1], "vote.scores": pyarrow.array(scores, SCORES)}
    parquet.write_table(pyarrow.table(held), directory / "predictions.parquet")
    with pytest.raises(InputError, match=r"not every image has|more than numbers of 0 classes"):
        Run.open(directory).predictions()
