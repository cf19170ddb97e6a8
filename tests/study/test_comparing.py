"""Compare, end to end on digits: numbers redone from the files, kills and resumes, foreign directories."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from scipy.stats import t as student

import nearsight
from nearsight.data import ImageSets, load
from nearsight.data.folds import fold_set
from nearsight.data.sources import held_sets
from nearsight.data.split_list import Listing
from nearsight.data.splits import cut
from nearsight.digest import unsealed_toml
from nearsight.errors import InputError
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.progress import Silent
from nearsight.report import write_comparison
from nearsight.report.comparison_text import fitted_sentences
from nearsight.runs import Run
from nearsight.settings import RECIPES, Machine, Recipe
from nearsight.study import Comparison, compare
from nearsight.study.comparing import some_training_images

BASE = replace(
    RECIPES["fast"], data="digits", width=0.1, steps=12, batch_size=100, precision="float32", seed=3
)
ARMS = ("full", "full+standard", "tile-4")
SEEDS = (3, 4)
TILE_PROTOCOLS = ["full-pass", "mean-logit", "mean-probability", "vote", "single-tile"]


def sets_of(seed: int) -> ImageSets:
    return load("digits", seed=seed)


def study(out: Path, base: Recipe = BASE, **changes: Any) -> Comparison:
    settings = {"arms": ARMS, "seeds": len(SEEDS), "budget": "pixels"} | changes
    return compare(base, sets_of, out, **settings)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    out = tmp_path_factory.mktemp("finished") / "study"
    return out, study(out)


@pytest.fixture
def copied(finished: tuple[Path, Comparison], tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished[0], tmp_path / "copy"))


def written(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    return content


def timeless(out: Path) -> dict[str, Any]:
    content = {name: value for name, value in written(out).items() if name != "digest"}
    for arm in content["arms"]:
        del arm["cost"]["seconds"], arm["cost"]["peak_memory_bytes"]
    return content


def state(out: Path) -> dict[str, tuple[int, bytes]]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def right(out: Path, arm: str, protocol: str) -> np.ndarray:
    """Return how right each image is, (seeds, images), by reading Parquet and nothing of ours."""
    rows = []
    for seed in SEEDS:
        table = parquet.read_table(out / "runs" / arm / f"seed-{seed}" / "predictions.parquet").to_pydict()
        if protocol == "single-tile":
            pairs = zip(table["label"], table["single-tile.scores"], strict=True)
            rows.append([scores[label] for label, scores in pairs])
        else:
            pairs = zip(table["label"], table[f"{protocol}.prediction"], strict=True)
            rows.append([float(label == prediction) for label, prediction in pairs])
    return np.array(rows)


def crossed(table: np.ndarray) -> tuple[float, float]:
    """Return the ends of the interval of a mean over seeds and images, by the sums of an analysis of variance."""
    seeds, images = table.shape
    rows, columns, mean = table.mean(1, keepdims=True), table.mean(0, keepdims=True), table.mean()
    between_seeds = images * ((rows - mean) ** 2).sum() / (seeds - 1)
    between_images = seeds * ((columns - mean) ** 2).sum() / (images - 1)
    rest = ((table - rows - columns + mean) ** 2).sum() / ((seeds - 1) * (images - 1))
    both = between_seeds + between_images
    freedom = both**2 / (max(between_seeds, rest) ** 2 / (seeds - 1) + between_images**2 / (images - 1))
    half = student.ppf(0.975, max(seeds - 1, freedom)) * np.sqrt(both / table.size)
    return mean - half, mean + half


def assert_interval(held: dict[str, Any], table: np.ndarray, least: float = 0) -> None:
    low, high = crossed(table)
    assert held["value"] == pytest.approx(table.mean())
    assert (held["low"], held["high"]) == pytest.approx((max(least, low), min(1, high)))
    assert held["covers"] == "images and seeds"


def binomial_p(only_a: int, only_b: int) -> float:
    total, fewer = only_a + only_b, min(only_a, only_b)
    return min(1.0, 2 * sum(comb(total, k) for k in range(fewer + 1)) / 2**total)


def test_accuracies_are_those_of_the_predictions(finished: tuple[Path, Comparison]) -> None:
    out, _ = finished
    arms = {arm["name"]: arm for arm in written(out)["arms"]}
    assert tuple(arms) == ARMS
    for name, arm in arms.items():
        protocols = [row["protocol"] for row in arm["accuracies"]]
        assert protocols == (TILE_PROTOCOLS if name == "tile-4" else ["full-pass", "five-crop"])
        for row in arm["accuracies"]:
            table = right(out, name, row["protocol"])
            assert row["seeds"] == pytest.approx(table.mean(1))
            assert_interval(row["interval"], table)


def test_every_arm_is_judged_on_images_that_it_was_trained_on_too(finished: tuple[Path, Comparison]) -> None:
    out, comparison = finished
    assert comparison.judged_training_images == comparison.images
    for arm in comparison.arms:
        for number, seed in enumerate(SEEDS):
            run = Run.open(out / "runs" / arm.name / f"seed-{seed}")
            images = some_training_images(sets_of(seed))
            assert set(images.paths()) <= set(sets_of(seed)["train"].paths())
            judged = evaluate(TiledModel(run.classifier()), images, protocols=["full-pass"])
            row = arm.accuracy("full-pass")
            assert row is not None
            assert row.train is not None
            assert row.gap is not None
            assert row.train_seeds[number] == pytest.approx(judged.metrics["full-pass"]["accuracy"])
            assert row.train.value == pytest.approx(np.mean(row.train_seeds))
            assert row.gap.value == pytest.approx(row.train.value - np.mean(row.seeds))


def test_the_gaps_of_two_arms_are_compared(finished: tuple[Path, Comparison]) -> None:
    _, comparison = finished
    gaps = {
        (arm.name, row.protocol): row.gap.value if row.gap else None
        for arm in comparison.arms
        for row in arm.accuracies
    }
    for row in comparison.differences:
        ours, theirs = gaps[row.arm, row.protocol], gaps[row.reference, row.reference_protocol]
        assert row.gap is not None
        assert row.gap.value == pytest.approx(ours - theirs)
    told = [
        sentence
        for sentence in fitted_sentences(comparison)
        if "than that of" in sentence or "gaps of" in sentence
    ]
    assert len(told) == sum(row.headline for row in comparison.differences)


def test_differences_are_those_of_the_predictions(finished: tuple[Path, Comparison]) -> None:
    out, _ = finished
    content = written(out)
    columns = ("arm", "protocol", "reference", "reference_protocol", "asked")
    found = [tuple(row[column] for column in columns) for row in content["differences"]]
    strongest = [row for row in found if row[-1] == "strongest"]
    fixed = [row for row in found if row[-1] not in ("strongest", "")]
    others = [protocol for protocol in TILE_PROTOCOLS if protocol != "mean-logit"]
    assert fixed == [
        ("tile-4", "mean-logit", "full", "full-pass", "alike"),
        ("tile-4", "mean-logit", "full", "five-crop", "alike-views"),
        ("tile-4", "mean-logit", "full+standard", "full-pass", "usual"),
        ("full+standard", "full-pass", "full", "full-pass", "added"),
    ]
    whole = [(name, protocol) for name in ARMS[:2] for protocol in ("full-pass", "five-crop")]
    best = max(whole, key=lambda key: right(out, *key).mean())
    assert [row[2:4] for row in strongest] == ([best] if best == ("full+standard", "five-crop") else [])
    assert found[len(fixed) + len(strongest) :] == [
        ("tile-4", protocol, name, "full-pass", "") for name in ARMS[:2] for protocol in others
    ]
    for row in content["differences"]:
        ours = right(out, row["arm"], row["protocol"])
        theirs = right(out, row["reference"], row["reference_protocol"])
        assert_interval(row["interval"], ours - theirs, least=-1)
        tests = [(test["only_a"], test["only_b"], test["p"]) for test in row["mcnemar"]]
        if row["protocol"] == "single-tile":
            assert tests == []
            continue
        for (only_a, only_b, p), a, b in zip(tests, ours, theirs, strict=True):
            assert (only_a, only_b) == (((a == 1) & (b == 0)).sum(), ((a == 0) & (b == 1)).sum())
            assert p == pytest.approx(binomial_p(only_a, only_b))
    headlines = [row for row in content["differences"] if row["headline"]]
    assert headlines == [row for row in content["differences"] if row["asked"]]
    assert content["verdicts"] == [row["verdict"] for row in headlines]


def test_costs_are_those_of_the_runs(finished: tuple[Path, Comparison]) -> None:
    out, comparison = finished
    for arm in comparison.arms:
        for number, seed in enumerate(SEEDS):
            run = Run.open(out / "runs" / arm.name / f"seed-{seed}")
            assert run.recipe.seed == seed
            for name, figure in run.result["training"].items():
                held = getattr(arm.cost, name, None)
                assert held is None or figure == (held[number] if isinstance(held, tuple) else held)
    full, _, tiled = comparison.arms
    assert (full.cost.steps, tiled.cost.steps) == (12, 48)
    assert full.cost.training_pixels == tiled.cost.training_pixels == 12 * 100 * 64


def test_what_is_finished_is_kept(copied: Path) -> None:
    before = state(copied / "runs")
    json_before = written(copied)
    study(copied)
    assert state(copied / "runs") == before
    assert written(copied) == json_before


def test_runs_without_a_study_are_taken_up(copied: Path) -> None:
    before, content = state(copied / "runs"), written(copied)
    for path in copied.iterdir():
        if path.is_file():
            path.unlink()
    study(copied)
    assert state(copied / "runs") == before
    assert written(copied) == content


class Killer(Silent):
    """A watcher that is killed at a step of one run."""

    def __init__(self, run: str, step: int) -> None:
        self.run, self.step, self.here = run, step, False

    def say(self, text: str) -> None:
        if "(run " in text:
            self.here = text.startswith(f"{self.run} ")

    def count(self, what: str, done: int, _total: int, _detail: str = "") -> None:
        if self.here and what == "training" and done >= self.step:
            raise RuntimeError("killed")


def test_an_arm_killed_at_a_step_changes_no_number(finished: tuple[Path, Comparison], copied: Path) -> None:
    shutil.rmtree(copied / "runs" / "tile-4" / "seed-4")
    killed = copied / "runs" / "full" / "seed-4"
    shutil.rmtree(killed)
    with pytest.raises(RuntimeError, match="killed"):
        study(copied, machine=Machine(checkpoint_seconds=0), progress=Killer("full, seed 4", 7))
    assert (killed / "checkpoint").exists()
    assert not Run.open(killed).finished
    study(copied)
    assert timeless(copied) == timeless(finished[0])


def test_predictions_of_something_else_are_made_again(
    finished: tuple[Path, Comparison], copied: Path
) -> None:
    run = Run.open(copied / "runs" / "tile-4" / "seed-3")
    evaluate(TiledModel(run.classifier()), sets_of(3)["val"]).save(run.directory)
    (copied / "runs" / "full" / "seed-4" / "predictions.parquet").unlink()
    study(copied)
    assert timeless(copied) == timeless(finished[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 3}, r"seeds 2 there, 3 asked for"),
        (
            {"arms": ("full", "tile-4")},
            r"arms \['full', 'full\+standard', 'tile-4'\] there, \['full', 'tile-4'\]",
        ),
        ({"budget": "steps"}, r"budget pixels there, steps asked for"),
        ({"stride": 2}, r"stride a quarter of the tile there, 2 asked for"),
        ({"protocols": ["vote"]}, r"protocols .* asked for"),
        ({"base": replace(BASE, learning_rate=0.1)}, r"learning_rate 0.12 there, 0.1 asked for"),
        ({"resume": False}, r"already holds this comparison; give `resume=True`"),
    ],
)
def test_another_comparison_is_refused_and_nothing_touched(
    finished: tuple[Path, Comparison], changes: dict[str, Any], message: str
) -> None:
    out, _ = finished
    before = state(out)
    with pytest.raises(InputError, match=message):
        study(out, **changes)
    assert state(out) == before


def spoil_recipe(out: Path) -> None:
    recipe = out / "runs" / "tile-4" / "seed-4" / "recipe.toml"
    written = unsealed_toml(recipe.read_bytes(), recipe).decode()
    recipe.write_text(written.replace("momentum = 0.6", "momentum = 0.7"))


def spoil_study(out: Path) -> None:
    (out / "study.toml").write_text("tiles = [")


def empty_study(out: Path) -> None:
    (out / "study.toml").write_text("recipe = 3")


def replace_study(out: Path) -> None:
    (out / "study.toml").rename(out / "thesis.txt")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_recipe, "seed-4 already holds a run of another recipe"),
        (spoil_study, "study.toml cannot be read"),
        (empty_study, "study.toml cannot be read"),
        (replace_study, "is not empty and holds no comparison"),
    ],
)
def test_a_foreign_directory_is_refused_and_nothing_touched(
    copied: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(copied)
    before = state(copied)
    with pytest.raises(InputError, match=message):
        study(copied)
    assert state(copied) == before


def test_runs_tested_on_different_images_are_not_compared(copied: Path) -> None:
    path = copied / "runs" / "full" / "seed-4" / "predictions.parquet"
    table = parquet.read_table(path)
    metadata = table.schema.metadata
    reversed_rows = table.take(list(range(len(table)))[::-1]).replace_schema_metadata(metadata)
    parquet.write_table(reversed_rows, path)
    with pytest.raises(InputError, match="seed-4 was evaluated on other images"):
        study(copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("full", "tile-9")}, "a tile of 9 pixels does not fit"),
        ({"arms": None, "tiles": (4,)}, "two arms"),
        ({"tiles": (4, None)}, "`arms` name their tiles, and `tiles` were given too"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"protocols": ["votes"]}, "unknown protocol 'votes'; did you mean 'vote'"),
        ({"machine": Machine(devices=2)}, "one process"),
        ({"base": replace(BASE, model="airbenhc")}, "did you mean 'airbench'"),
        ({"base": replace(BASE, model="resnet18")}, "whiten needs a network with a whitening layer"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        study(tmp_path / "study", **changes)
    assert not (tmp_path / "study").exists()


def test_arms_of_tiles_alone_are_held_against_the_largest(tmp_path: Path) -> None:
    comparison = study(
        tmp_path,
        replace(BASE, steps=2),
        arms=("tile-4", "tile-6"),
        seeds=1,
        budget="steps",
        protocols=["vote"],
        stride=2,
    )
    assert [
        (row.arm, row.protocol, row.reference, row.reference_protocol) for row in comparison.differences
    ] == [
        ("tile-4", "mean-logit", "tile-6", "mean-logit"),
        ("tile-4", "vote", "tile-6", "mean-logit"),
    ]
    assert {(arm.stride, arm.cost.steps) for arm in comparison.arms} == {(2, 2)}
    assert {row.interval.covers for row in comparison.differences} == {"images"}


def test_seeds_that_train_on_unequally_many_images_are_judged_on_as_many_as_the_fewest(
    tmp_path: Path,
) -> None:
    def few(seed: int) -> ImageSets:
        sets = sets_of(seed)
        return replace(sets, splits={**sets, "train": sets["train"].select(np.arange(30 + seed))})

    base = replace(BASE, steps=1, batch_size=10)
    found = compare(base, few, tmp_path, arms=("tile-4", "tile-6"), seeds=2, budget="steps", stride=4)
    judged = [
        Run.open(tmp_path / "runs" / "tile-4" / f"seed-{seed}").result["evaluation"]["train"]["images"]
        for seed in SEEDS
    ]
    assert (judged, found.judged_training_images) == ([33, 34], 33)


def test_whole_image_arms_are_asked_about_tiles_once(tmp_path: Path) -> None:
    random, out = np.random.default_rng(0), tmp_path / "study"
    pixels = torch.from_numpy(random.integers(256, size=(48, 3, 8, 8), dtype=np.uint8))
    sets = cut(held_sets((pixels, ["cat", "dog"] * 24)), 0.2, 0)
    base = replace(BASE, steps=2, batch_size=10)
    options: dict[str, Any] = {"arms": ["full", "full+standard", "tile-6"], "seeds": 1, "on_tiles": 5}
    with pytest.raises(InputError, match="on_tiles must be a number of images, 0 for none, got -1"):
        compare(base, sets, out, **options | {"on_tiles": -1})
    found = compare(base, sets, out, **options)
    assert [(arm.arm, arm.images, arm.asked) for arm in found.on_tiles] == [
        ("full", 5, (6,)),
        ("full+standard", 5, (6,)),
    ]
    assert [size.tile for size in found.on_tiles[0].sizes] == [2, 4, 6]
    assert Comparison.load(out) == found
    kept = out / "runs" / "full" / "seed-3" / "on-tiles.json"
    before = kept.stat().st_mtime_ns
    assert compare(base, sets, out, **options).on_tiles == found.on_tiles
    assert kept.stat().st_mtime_ns == before
    assert not list((out / "runs" / "tile-6").rglob("on-tiles.json"))


@pytest.fixture(scope="module")
def in_folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    out = tmp_path_factory.mktemp("folds") / "study"
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(256, size=(48, 3, 8, 8), dtype=np.uint8))
    folded = fold_set(held_sets((pixels, ["cat", "dog"] * 24)), 3)
    base = replace(BASE, steps=2, batch_size=10)
    return out, compare(base, folded, out, arms=ARMS[:2], seeds=2, budget="steps")


def test_in_folds_every_arm_is_tested_on_every_image_at_each_seed(in_folds: tuple[Path, Comparison]) -> None:
    out, found = in_folds
    assert (found.folds, found.images) == (3, 48)
    for arm in ARMS[:2]:
        for seed in SEEDS:
            parts = [Run.open(out / "runs" / arm / f"seed-{seed}" / f"fold-{k}") for k in (1, 2, 3)]
            paths = [path for run in parts for path in run.predictions()["path"].to_pylist()]
            assert len(paths) == 48
            right = np.concatenate(
                [
                    (table["label"].to_numpy() == table["full-pass.prediction"].to_numpy())
                    for table in (run.predictions() for run in parts)
                ]
            )
            accuracy = found.arm(arm).accuracy("full-pass")
            assert accuracy is not None
            assert accuracy.seeds[seed - 3] == pytest.approx(right.mean())
    assert {row.interval.covers for row in found.differences} == {"images, training sets and seeds"}
    assert not any(row.mcnemar for row in found.differences)


def test_in_folds_the_difference_is_as_wide_as_students(in_folds: tuple[Path, Comparison]) -> None:
    out, found = in_folds
    row = next(row for row in found.differences if row.headline and row.arm == "full+standard")
    means = []
    for seed in SEEDS:
        for fold in (1, 2, 3):
            tables = [
                Run.open(out / "runs" / arm / f"seed-{seed}" / f"fold-{fold}").predictions()
                for arm in ("full+standard", "full")
            ]
            ours, theirs = (
                (table["label"].to_numpy() == table["full-pass.prediction"].to_numpy()).mean()
                for table in tables
            )
            means.append(ours - theirs)
    listed = parquet.read_table(out / "runs" / "full" / "seed-3" / "fold-1" / "split.parquet")["split"]
    ratio = 16 / listed.to_pylist().count("train")
    half = student(2).ppf(0.975) * np.std(means, ddof=1) * (1 / 6 + ratio) ** 0.5
    value, low, high = row.interval.numbers
    assert low <= max(-1, value - half) + 1e-9
    assert high >= min(1, value + half) - 1e-9


def test_in_folds_the_report_says_what_was_varied(in_folds: tuple[Path, Comparison], tmp_path: Path) -> None:
    out, found = in_folds
    assert Comparison.load(out) == found
    write_comparison(found, tmp_path)
    text = (tmp_path / "comparison.md").read_text()
    assert "Images and training sets were varied" in text
    assert "2 degrees of freedom" in text
    assert "McNemar" not in text + (tmp_path / "report.html").read_text()


@pytest.mark.usefixtures("undrawn")
def test_the_verb_compares_in_folds_and_resumes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(256, size=(24, 3, 8, 8), dtype=np.uint8))
    data, out = (pixels, ["cat", "dog"] * 12), tmp_path / "study"
    options: dict[str, Any] = {"arms": ["tile-6", "tile-8"], "seeds": 1, "out": out, "progress": False}
    # Which precision is quicker may turn from run to run on a busy machine.
    options |= {"recipe": "fast", "width": 0.1, "steps": 2, "batch_size": 8, "precision": "float32"}
    found = nearsight.compare(data, folds=2, **options)
    shutil.rmtree(out / "runs" / "tile-6" / "seed-0" / "fold-2")
    assert (
        nearsight.compare(data, folds=2, resume=True, **options).arms[0].accuracies
        == found.arms[0].accuracies
    )
    assert found.arms[0].accuracies[0].interval.covers == "images and training sets"
    with pytest.raises(InputError, match="folds 2 there, 3 asked for"):
        nearsight.compare(data, folds=3, resume=True, **options)
    with pytest.raises(InputError, match="holds 2 folds of a set; give `folds=2`"):
        nearsight.compare(data, resume=True, **options)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("folds", [None, 2])
def test_missing_runs_are_not_trained_on_other_images(tmp_path: Path, folds: int | None) -> None:
    rng, photos, out = np.random.default_rng(0), tmp_path / "photos", tmp_path / "study"
    for k in range(40):
        place = photos / ("cat", "dog")[k % 2] / f"{k:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(place)
    options: dict[str, Any] = {
        "arms": ["tile-6", "tile-8"],
        "seeds": 1,
        "out": out,
        "progress": False,
        "folds": folds,
    }
    options |= {"recipe": "fast", "width": 0.1, "steps": 2, "batch_size": 8, "precision": "float32"}
    found = nearsight.compare(photos, **options)
    listing = Listing.load(out)
    assert listing is not None
    trained = listing.path[listing.split != "test"][0]
    content = (photos / trained).read_bytes()
    (photos / trained).unlink()
    # What is finished needs no more training; in folds every image is tested once.
    assert nearsight.compare(photos, resume=True, **options).images == found.images - (folds is not None)
    shutil.rmtree(out / "runs" / "tile-6" / "seed-0")
    with pytest.raises(InputError, match="would be trained on other images or labels than those that it has"):
        nearsight.compare(photos, resume=True, **options)
    (photos / trained).write_bytes(content)
    assert nearsight.compare(photos, resume=True, **options).images == found.images


@pytest.mark.usefixtures("undrawn")
def test_all_runs_are_tested_on_the_same_pixels_and_tiles(tmp_path: Path) -> None:
    rng, photos = np.random.default_rng(0), tmp_path / "photos"

    def paint(split: str) -> None:
        for k in range(12):
            place = photos / split / ("cat", "dog")[k % 2] / f"{k:02}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(place)

    def compared(out: str, **more: Any) -> list[list[Any]]:
        found = nearsight.compare(photos, out=tmp_path / out, **options, **more)
        return [[one.interval for one in arm.accuracies] for arm in found.arms]

    options: dict[str, Any] = {"arms": ["full", "tile-6"], "seeds": 1, "progress": False, "validation": 0}
    options |= {"recipe": "fast", "width": 0.1, "steps": 2, "batch_size": 8, "precision": "float32"}
    paint("train")
    paint("test")
    first = compared("kept")
    # An evaluation of a run on its own, which leaves tiles out.
    run = tmp_path / "kept" / "runs" / "tile-6" / "seed-0"
    nearsight.evaluate(run, skip_blank=120, stride=1, progress=False)
    assert compared("kept", resume=True) == first
    # As if it had been interrupted, and the same files then held other pictures to test on.
    shutil.rmtree(run)
    paint("test")
    assert compared("kept", resume=True) == compared("fresh") != first


def test_a_finished_comparison_is_asked_by_group_without_another_run(
    copied: Path, finished: tuple[Path, Comparison]
) -> None:
    trained = {path: path.stat().st_mtime_ns for path in (copied / "runs").rglob("model.safetensors")}
    found = study(copied, groups="file.width")
    assert trained == {path: path.stat().st_mtime_ns for path in (copied / "runs").rglob("model.safetensors")}
    assert replace(found, groups=None, directory=finished[0]) == finished[1]
    assert found.groups is not None
    assert [(row.arm, row.protocol) for row in found.groups.arms] == [
        ("full", "full-pass"),
        ("full+standard", "full-pass"),
        ("tile-4", "mean-logit"),
    ]
    for row in found.groups.arms:
        (whole,) = row.accuracies.groups
        assert whole.accuracy.value == pytest.approx(right(copied, row.arm, row.protocol).mean())
        assert len(row.accuracies.classes) == 10
    assert Comparison.load(copied).groups == found.groups
    write_comparison(found, copied)
    assert "## By file.width" in (copied / "comparison.md").read_text()
    assert 'id="groups"' in (copied / "report.html").read_text()
    with pytest.raises(InputError, match=r"unknown column 'file\.with'; did you mean 'file\.width'"):
        study(copied, groups="file.with")
