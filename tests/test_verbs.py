"""The verbs: what the commands do, as functions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.processes import files_of

from nearsight import (
    Classifier,
    EvidenceMap,
    Machine,
    Recipe,
    Run,
    Sampling,
    TiledModel,
    diagnose,
    evaluate,
    heatmap,
    load,
    train,
    verbs,
)
from nearsight.data.sources import cut, held_sets
from nearsight.data.split_list import Listing
from nearsight.errors import InputError
from nearsight.settings import recipe_to_toml

QUICK: dict[str, Any] = {"recipe": "fast", "width": 0.1, "steps": 2, "precision": "float32", "tile": 6}
CPU = Machine(device="cpu", workers=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("digits", out=tmp_path_factory.mktemp("verbs") / "run", machine=CPU, **QUICK)


def test_results_of_other_weights_are_not_the_run_s(run: Run, tmp_path: Path) -> None:
    other = train("digits", out=tmp_path / "other", seed=1, machine=CPU, progress=False, **QUICK)
    before = files_of(run.directory)
    weights = other.directory / "model.safetensors"
    found = evaluate(run, weights=weights, out=tmp_path / "out", machine=CPU, progress=False)
    assert (
        found.scores["vote"].tolist() == evaluate(run, weights=weights, machine=CPU).scores["vote"].tolist()
    )
    assert files_of(run.directory) == before


def test_training_that_goes_on_is_evaluated_at_the_stride_that_is_asked_for(tmp_path: Path) -> None:
    once = train("digits", out=tmp_path, machine=CPU, progress=False, **QUICK)
    assert once.result["evaluation"]["test"]["stride"] == 1
    for stride, now in ((3, 3), (None, 3)):
        again = train(
            "digits", out=tmp_path, resume=True, stride=stride, machine=CPU, progress=False, **QUICK
        )
        assert again.result["evaluation"]["test"]["stride"] == now


def test_runs_go_where_their_recipe_says(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    places = {
        verbs.default_run(Recipe(data=data, model=model, tile=tile, seed=3))
        for data, model, tile in [
            ("digits", "resnet9", 6),
            (str(tmp_path / "photos"), "resnet9", None),
            ("hf:me/birds@v1", "timm:vit_tiny", 16),
        ]
    }
    assert places == {
        Path("runs/digits-resnet9-tile-6-seed-3"),
        Path("runs/photos-resnet9-tile-full-seed-3"),
        Path("runs/hf-me-birds-v1-timm-vit_tiny-tile-16-seed-3"),
    }


def test_training_tells_what_was_cut_and_counts_what_is_done(tmp_path: Path, listener: Any) -> None:
    train("digits", out=tmp_path / "run", machine=CPU, progress=listener, **QUICK)
    assert listener.said[0] == "test: 365 of the 1797 images of train, held out by a hash of their path"
    assert listener.counted[0][0] == "training"
    evaluated = [count for count in listener.counted if count[0] != "training"]
    assert evaluated == [("evaluating images", done, 365) for done in range(1, 366)]


def test_evaluating_again_gives_what_training_gave(run: Run, tmp_path: Path) -> None:
    kept = run.result["evaluation"]["test"]["protocols"]
    again = evaluate(run, out=tmp_path, machine=CPU)
    assert {name: measured["accuracy"] for name, measured in again.metrics.items()} == {
        name: metrics["accuracy"] for name, metrics in kept.items()
    }


def test_only_its_own_data_changes_a_run(run: Run, tmp_path: Path) -> None:
    before = run.result
    evaluate(run, protocols=["vote"], out=tmp_path, machine=CPU)
    assert run.result == before
    evaluate(run, "digits", split="val", protocols=["vote"], machine=CPU)
    assert run.result["evaluation"].keys() == {"test", "val"}
    assert run.result["evaluation"]["test"] == before["evaluation"]["test"]


def test_a_recipe_without_data_asks_for_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(recipe_to_toml(Recipe()))
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run.directory / name).read_bytes())
    with pytest.raises(InputError, match=r"recipe\.toml names no data set; give `data`"):
        evaluate(tmp_path, machine=CPU)
    assert evaluate(tmp_path, "digits", protocols=["full-pass"], machine=CPU).settings["images"] == 365


def test_a_set_that_is_no_longer_in_its_place_is_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(recipe_to_toml(Recipe(data="photos")))
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run.directory / name).read_bytes())
    with pytest.raises(
        InputError, match=r"was trained on, photos, is not in .*; give the place where it is now"
    ):
        evaluate(tmp_path, machine=CPU)


def test_other_data_need_not_be_read_as_the_runs_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def draw(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / name)

    draw(*(f"flat/{name}{k}.png" for name in ("cat", "dog") for k in range(12)))
    draw(*(f"other/{name}/{k}.png" for name in ("dog", "cat") for k in range(12)))
    own = train(
        tmp_path / "flat",
        class_pattern=r"^([a-z]+)",
        group_pattern=r"([a-z]+\d)",
        out=tmp_path / "run",
        machine=CPU,
        **QUICK,
    )
    found = evaluate(own, tmp_path / "other", protocols=["full-pass"], out=tmp_path / "out", machine=CPU)
    assert found.settings["images"] > 0


@pytest.mark.usefixtures("undrawn")
def test_comparing_counts_the_images_of_every_run(tmp_path: Path, listener: Any) -> None:
    fields = {name: value for name, value in QUICK.items() if name != "tile"}
    verbs.compare(
        "digits", tiles=[4, 6], seeds=1, out=tmp_path / "study", machine=CPU, progress=listener, **fields
    )
    evaluated = [count for count in listener.counted if count[0] != "training"]
    # The test images of each run, and as many of those that it was trained on.
    assert evaluated == 4 * [("evaluating images", done, 365) for done in range(1, 366)]


def test_progress_is_shown_unless_it_is_switched_off(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(run, protocols=["full-pass"], out=tmp_path, machine=CPU)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == "evaluating images: 365/365"
    evaluate(run, protocols=["full-pass"], out=tmp_path, machine=CPU, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_heatmap_is_of_the_score_that_the_run_reports(run: Run) -> None:
    test = load("digits")["test"]
    reported = run.predictions()["mean-logit.scores"].to_pylist()
    heatmaps = heatmap(run, [test.image(i) for i in range(5)], machine=CPU)
    for shown, scores in zip(heatmaps.images, reported, strict=False):
        assert shown.evidence.mean().tolist() == pytest.approx(scores, abs=1e-5)


def test_only_with_a_place_to_go_are_heatmaps_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    image = load("digits")["test"].image(0)
    kept = heatmap(run.classifier(), [image], machine=CPU)
    assert not list(tmp_path.iterdir())
    heatmap(run.directory, [image], out="kept", machine=CPU)
    loaded = EvidenceMap.load("kept/image-0.safetensors")
    assert loaded.logits.equal(kept.images[0].evidence.logits)


def test_data_held_in_memory_goes_through_every_verb(tmp_path: Path) -> None:
    digits = load("digits")
    pixels = torch.cat([part.pixels for part in digits.values()])[:120]
    labels = [digits.classes[label] for part in digits.values() for label in part.labels][:120]
    fields = {name: value for name, value in QUICK.items() if name != "tile"} | {"batch_size": 20}
    trained = train(
        (pixels, labels), out=tmp_path / "run", machine=CPU, tile=np.int64(6), progress=False, **fields
    )
    assert trained.recipe.data.startswith("in memory: 120 images, fingerprint ")
    assert trained.recipe.tile == 6
    own = evaluate(trained, (pixels, labels), protocols=["vote"], machine=CPU, progress=False)
    kept = trained.result["evaluation"]["test"]["protocols"]["vote"]
    assert (own.metrics["vote"]["n"], own.metrics["vote"]["accuracy"]) == (kept["n"], kept["accuracy"])
    all_images = evaluate(
        trained.classifier(), (pixels[:50], labels[:50]), protocols=["vote"], machine=CPU, progress=False
    )
    assert all_images.settings["images"] == 50
    numbered = [digits.classes.index(label) for label in labels]
    by_number = evaluate(
        trained.classifier(), (pixels[:50], numbered[:50]), protocols=["vote"], machine=CPU, progress=False
    )
    assert by_number.metrics == all_images.metrics
    with pytest.raises(InputError, match=r"was held in memory: 120 images, .*; give it as `data`"):
        evaluate(trained, machine=CPU)
    found = diagnose(
        trained.classifier(),
        (pixels[:30], labels[:30]),
        faithfulness=0,
        stride=6,
        machine=CPU,
        progress=False,
    )
    assert found.images == 30
    compared = verbs.compare(
        (pixels, labels), tiles=[np.int64(6), 4], seeds=np.int64(1), out=tmp_path / "study", machine=CPU,
        progress=False, **fields,
    )  # fmt: skip
    assert compared.images == len(cut(held_sets((pixels, labels)), 0.1, 0)["test"])
    few = Sampling(training_tiles=50, test_images=10, points=30, pairs=10)
    measured = verbs.dimension(
        (pixels, labels), tiles=[np.int64(4)], sampling=few, machine=CPU, progress=False
    )
    assert measured.data == trained.recipe.data


def test_every_verb_takes_a_network_of_ones_own(tmp_path: Path) -> None:
    digits = load("digits")["test"]
    torch.manual_seed(0)
    own = torch.nn.Sequential(
        torch.nn.Conv2d(3, 10, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    ).eval()
    said: dict[str, Any] = {"classes": digits.classes, "tile": 6, "machine": CPU, "progress": False}
    measured = evaluate(own, "digits", out=tmp_path, **said)
    drawn = heatmap(own, [digits.image(0)], **said)
    found = diagnose(own, digits.select(np.arange(20)), faithfulness=1, **said)
    assert measured.scores["mean-logit"][0] == pytest.approx(
        drawn.images[0].evidence.mean().numpy(), abs=1e-5
    )
    assert found.images == 20
    with pytest.raises(InputError, match="a data set is needed"):
        evaluate(own, **said)


def test_every_verb_takes_a_bound_model_as_it_is_bound(tmp_path: Path) -> None:
    digits = load("digits")["test"].select(np.arange(20))
    own = torch.nn.Sequential(torch.nn.Conv2d(3, 10, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    said = {"classes": digits.classes, "tile": 6}
    quiet: dict[str, Any] = {"machine": CPU, "progress": False}
    loose = evaluate(own, digits, stride=1, **said, **quiet)
    for bound in (
        TiledModel(Classifier.of(own, **said), stride=1),
        TiledModel(own, stride=1, **said),
    ):
        measured = evaluate(bound, digits, **quiet)
        assert (measured.scores["vote"] == loose.scores["vote"]).all()
        assert heatmap(bound, [digits.image(0)], **quiet).images[0].evidence.grid.shape == (3, 3)
        assert diagnose(bound, digits, faithfulness=0, **quiet).stride == 1
        exported = verbs.export(bound, format="torchscript", out=tmp_path / "model", progress=False)
        assert exported.is_file()
        with pytest.raises(InputError, match=r"`stride` does not go with a TiledModel.*at\(tile, stride\)"):
            evaluate(bound, digits, stride=2, **quiet)


def test_a_network_is_exported_under_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    assert verbs.export(network, format="torchscript", tile=6, progress=False).is_file()


def test_what_is_found_of_a_model_is_told(listener: Any, tmp_path: Path) -> None:
    digits = load("digits")["test"]

    def model(tiles: torch.Tensor) -> torch.Tensor:
        return tiles.flatten(1)[:, :10].softmax(1)

    said: dict[str, Any] = {"classes": digits.classes, "tile": 6, "machine": CPU, "progress": listener}
    evaluate(model, "digits", protocols=["vote"], out=tmp_path, **said)
    heatmap(model, [digits.image(0)], **said)
    assert sum("gives probabilities, not logits" in text for text in listener.said) == 2


class Own(torch.nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, classes, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.body(images)


@pytest.mark.parametrize("model", [Own, Own(10)], ids=["what builds it", "a network"])
def test_a_network_of_ones_own_is_trained_and_given_again(model: Any, tmp_path: Path) -> None:
    fields = {"tile": 6, "steps": 2, "optimizer": "sgd", "batch_size": 8, "precision": "float32"}
    trained = train("digits", model=model, out=tmp_path / "run", machine=CPU, progress=False, **fields)
    assert trained.recipe.model == "custom:Own"
    with pytest.raises(InputError, match=r"a network of your own, 'Own', .* give it: .*network=Own"):
        evaluate(trained, machine=CPU, progress=False)
    again = evaluate(trained, network=model, protocols=["vote"], machine=CPU, progress=False)
    assert again.metrics["vote"]["accuracy"] == pytest.approx(
        trained.result["evaluation"]["test"]["protocols"]["vote"]["accuracy"]
    )


def test_a_network_that_cannot_be_trained_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for model, says in [
        (Own(3), r"shape \(2, 3\); training needs a tensor of logits \(2, 10\)"),
        (torch.nn.Conv2d(3, 10, 9), "refuses images of 6×6 pixels"),
        (3, "expected a name, a network, or what builds one"),
        (lambda: Own(10), "is called with the number of classes, 10"),
    ]:
        with pytest.raises(InputError, match=says):
            train("digits", model=model, tile=6, steps=1, out=tmp_path / "run", machine=CPU, progress=False)
    assert not (tmp_path / "run").exists()


def test_a_network_to_train_is_asked_for_by_its_name_here() -> None:
    with pytest.raises(InputError, match="given as `model`"):
        train("digits", network=Own(10))


def test_a_network_built_by_a_function_without_a_name_has_one_that_can_be_typed(tmp_path: Path) -> None:
    fields = {"tile": 6, "steps": 1, "optimizer": "sgd", "batch_size": 8, "precision": "float32"}
    run = train(
        "digits", model=lambda classes: Own(classes), out=tmp_path, machine=CPU, progress=False, **fields
    )
    assert run.recipe.model == "custom:lambda"
    with pytest.raises(InputError, match=r"of your own, which no file .*network=…\)"):
        evaluate(run, machine=CPU, progress=False)


def test_an_evaluation_that_could_not_be_saved_is_refused_before_a_model_runs(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema": 999}')

    def never(images: torch.Tensor) -> torch.Tensor:
        assert len(images) <= 64, "an evaluation began"
        return images.mean((2, 3))

    one = torch.zeros(3, 8, 8, dtype=torch.uint8)
    options: dict[str, Any] = {"classes": "red,green,blue", "tile": 4, "progress": False}
    with pytest.raises(InputError, match=r"result\.json"):
        evaluate(never, ([one] * 100, [0, 1] * 50), out=tmp_path, **options)


def test_a_misspelt_option_is_refused_in_the_name_of_its_verb() -> None:
    with pytest.raises(TypeError, match=r"^evaluate\(\) got an unexpected keyword argument 'strid'$"):
        evaluate("x.onnx", strid=2)  # type: ignore[call-arg]


def test_a_run_reads_values_in_the_range_that_it_was_trained_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 4096, (8, 8)).astype(np.uint16) for _ in range(24)]
    run = train(
        (pixels, [0, 1] * 12), out=tmp_path / "run", validation=0, machine=CPU, progress=False, **QUICK
    )
    dim = np.full((8, 8), 400, dtype=np.uint16)
    assert Run.open(run.directory).classifier().preprocessing.value_range == (0, 4095)
    shown = heatmap(run, [dim], machine=CPU, progress=False)
    assert shown.images[0].image.unique().tolist() == [round(400 / 4095 * 255)]
    other = heatmap(run, [dim], value_range=(0, 400), machine=CPU, progress=False)
    assert other.images[0].image.unique().tolist() == [255]
    # A set of its own would be taken for one of 10 bits.
    as_given = evaluate(run, ([dim, dim], [0, 1]), machine=CPU, progress=False)
    in_range = torch.full((8, 8), round(400 / 4095 * 255), dtype=torch.uint8)
    same = evaluate(run, ([in_range, in_range], [0, 1]), machine=CPU, progress=False)
    np.testing.assert_array_equal(as_given.scores["mean-logit"], same.scores["mean-logit"])


def test_a_heatmap_tells_which_files_were_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for k in range(30):
        place = tmp_path / "photos" / ("cat", "dog")[k % 2] / f"{k:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(place)
    run = train(
        tmp_path / "photos", out=tmp_path / "run", machine=CPU, progress=False, **QUICK | {"batch_size": 8}
    )
    listing = Listing.load(run.directory)
    assert listing is not None
    tested, trained = (listing.path[listing.split == split].tolist() for split in ("test", "train"))
    heatmap(run, [tmp_path / "photos" / path for path in (tested[0], *trained[:2])], machine=CPU)
    assert "2 of 3 images are training images of the run" in capsys.readouterr().err
    with pytest.raises(InputError, match="`new_images` does not go with the split 'train'"):
        evaluate(run, split="train", new_images=True, machine=CPU)


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("images", 0, 1), ("images", -3, 1), ("faithfulness", -2, 0), ("seed", -1, 0)],
)
def test_a_diagnosis_counts_in_whole_numbers_from_the_least_on(name: str, value: int, least: int) -> None:
    with pytest.raises(InputError, match=f"`{name}` takes a whole number from {least} on, got {value}"):
        diagnose("no such run", **{name: value})


def test_a_seed_is_a_whole_number() -> None:
    with pytest.raises(InputError, match=r"`seed` takes a whole number, got 1\.5"):
        diagnose("no such run", seed=1.5)
