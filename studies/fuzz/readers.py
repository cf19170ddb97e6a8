"""What reads files: every command and every `load`, each with the directory or file that it is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import nearsight
from nearsight.evaluation.parted_table import read_predicted
from nearsight.evaluation.result import Evaluation
from nearsight.evidence import EvidenceMap
from nearsight.settings.recipe import read_recipe
from studies.fuzz.material import FIELDS, STRIDE, TILE

QUIET = ("--quiet",)
ON_CPU = ("--device", "cpu", "--workers", "0")
# This few images have none.
NO_SHORTCUT = "nothing to repair"


@dataclass(frozen=True)
class Reader:
    """One way to read the content of a folder of the material; `arguments` for a command, `call` for Python.

    `files` are patterns of the files that it reads, and `weight` is how often it is used. `keeps` is what it may
    leave in the folder although it refuses to continue. `refuses` is what it says about sound files, if it
    refuses these too.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    arguments: Callable[[Path, Path], Sequence[str | Path]] | None = None
    call: Callable[[Path], Any] | None = None
    weight: int = 4
    keeps: str = ""
    refuses: str = ""


def readers() -> tuple[Reader, ...]:
    """Return all ways to read; `arguments` take the home of the material and the damaged copy of the folder."""
    found = [
        Reader("Run.open", "run", _RUN, call=_open_run, weight=10),
        Reader("Evaluation.load", "run", ("result.json", "predictions.parquet"), call=_evaluation, weight=10),
        Reader("report", "run", ("result.json", "predictions.parquet", "recipe.toml"), _report, weight=8),
        Reader(
            "evaluate",
            "run",
            _RUN,
            lambda _, run: ["evaluate", run, "--stride", str(STRIDE), *ON_CPU],
            weight=6,
        ),
        Reader(
            "predict",
            "run",
            _RUN,
            lambda home, run: ["predict", run, _image(home), "--out", run.parent / "new.csv", *ON_CPU],
        ),
        Reader("heatmap", "run", _RUN, _heatmap, weight=2),
        Reader("export", "run", _RUN, lambda _, run: ["export", run, "--format", "torchscript"], weight=2),
        Reader(
            "diagnose",
            "run",
            _RUN,
            lambda _, run: ["diagnose", run, "--out", run.parent / "new", *ON_CPU],
            weight=1,
        ),
        Reader(
            "repair",
            "run",
            _RUN,
            lambda _, run: ["repair", run, "--out", run.parent / "new", *ON_CPU],
            weight=1,
            refuses=NO_SHORTCUT,
        ),
        Reader("train --resume", "run", _RUN, _go_on, weight=4),
        Reader("train --resume", "begun", _BEGUN, _go_on, weight=8),
        Reader("Run.open", "pooled/run", _RUN, call=_open_run, weight=6),
        Reader(
            "report", "pooled/run", ("result.json", "predictions.parquet", "recipe.toml"), _report, weight=2
        ),
        Reader("heatmap", "pooled/run", ("model.json",), _heatmap, weight=1),
        Reader(
            "evaluate",
            "pooled/run",
            _RUN,
            lambda _, run: ["evaluate", run, "--stride", str(STRIDE), *ON_CPU],
            weight=6,
        ),
        Reader("train --weights-of", "pooled/run", _RUN, _train_on, weight=4),
        Reader("train --recipe", "pooled/run", ("recipe.toml",), _train_by, weight=3),
        Reader("Comparison.load", "comparison", ("comparison.json",), call=_comparison, weight=8),
        Reader("report", "comparison", ("comparison.json",), _report, weight=3),
        Reader(
            "report --margin",
            "comparison",
            ("comparison.json",),
            lambda _, place: ["report", place, "--margin", "1"],
            weight=2,
        ),
        Reader(
            "compare --resume",
            "comparison",
            ("study.toml", "split.parquet", "runs/*/*/*.*"),
            _compare,
            weight=4,
        ),
        Reader("dimension --comparison", "comparison", ("comparison.json",), _dimension_of, weight=1),
        Reader("CrossValidation.load", "folds", ("folds.json",), call=_folds, weight=6),
        Reader(
            "train --folds --resume",
            "folds",
            ("split.parquet", "folds.json", "*.parquet", "fold-*/*.*"),
            _go_on_folds,
        ),
        Reader("Diagnosis.load", "diagnosis", _DIAGNOSIS, call=_diagnosis, weight=10),
        Reader("report", "diagnosis", _DIAGNOSIS, _report, weight=8),
        Reader("repair --diagnosis", "diagnosis", _DIAGNOSIS, _repair_by, weight=3, refuses=NO_SHORTCUT),
        Reader("Heatmaps.load", "heatmaps", _HEATMAPS, call=_heatmaps, weight=6),
        Reader("EvidenceMap.load", "heatmaps", ("0.safetensors",), call=_map, weight=8),
        Reader("report", "heatmaps", _HEATMAPS, _report, weight=3),
        Reader("Dimension.load", "dimension", ("dimension.json",), call=_dimension, weight=6),
        Reader("report", "dimension", ("dimension.json",), _report, weight=3),
        Reader("Repair.load", "repair", ("repair.json", "pictures.parquet"), call=_repair, weight=8),
        Reader("report", "repair", ("repair.json", "pictures.parquet"), _report, weight=6),
        Reader(
            "repair --resume",
            "repair",
            ("asked.json",),
            _repair_on,
            weight=4,
            keeps="diagnosis",
            refuses=NO_SHORTCUT,
        ),
        Reader(
            "predict --resume",
            "predicted",
            ("*.parquet", "*/*.parquet"),
            partial(_predict_on, "rows.parquet"),
        ),
        Reader("predict --resume", "predicted", ("*/*.parquet",), partial(_predict_on, "begun.parquet")),
        Reader("predict --resume", "predicted", ("*.csv",), partial(_predict_on, "rows.csv")),
        Reader("Predictions", "predicted", ("rows.*",), call=_predicted),
        Reader("evaluate FILE.onnx", "exported", ("model.onnx",), _evaluate_onnx, weight=3),
        Reader("Classifier.of", "exported", ("model.onnx",), call=_classifier, weight=3),
        Reader(
            "read_recipe", "given", ("recipe.toml",), call=lambda given: read_recipe(given / "recipe.toml")
        ),
        *(
            Reader(f"classes {name}", "given", (name,), call=partial(_named, name), weight=2)
            for name in ("classes.json", "numbers.json", "classes.txt")
        ),
        *(
            Reader(f"class map {name}", "given", (name,), call=partial(_mapped, name), weight=2)
            for name in _MAPS
        ),
        *(
            Reader(f"regions {name}", "given", files, partial(_regions, name), weight=weight)
            for name, files, weight in (
                ("coco.json", ("coco.json",), 8),
                ("voc", ("voc/*/*/*",), 3),
                ("yolo", ("yolo/*/*/*",), 3),
            )
        ),
    ]
    for folder, files in (
        ("run", _RUN),
        ("begun", _BEGUN),
        ("diagnosis", _DIAGNOSIS),
        ("heatmaps", _HEATMAPS),
    ):
        found.append(Reader("verify", folder, files, call=_verify, weight=2))
    for folder, files, call in _OLDER:
        found.append(Reader(f"older {folder}", f"older/{folder}", files, call=call, weight=3))
        found.append(Reader(f"report older {folder}", f"older/{folder}", files, _report, weight=2))
    return tuple(found)


_RUN = (
    "recipe.toml",
    "model.json",
    "model.safetensors",
    "result.json",
    "predictions.parquet",
    "split.parquet",
)
_BEGUN = ("recipe.toml", "split.parquet", "metrics.csv", "checkpoint/*")
_DIAGNOSIS = ("diagnosis.json", "rows.json", "rows.json", "rows.json", "maps.safetensors", "pictures.parquet")
_HEATMAPS = ("heatmaps.json", "*.safetensors", "pictures/*")
_MAPS = ("map.json", "map.csv")


def _image(home: Path) -> Path:
    return home / "images" / "test" / "cat" / "0.png"


def _report(home: Path, place: Path) -> list[str | Path]:
    del home
    return ["report", place]


def _options(fields: dict[str, Any]) -> list[str]:
    return [text for name, value in fields.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def _go_on(home: Path, place: Path) -> list[str | Path]:
    options = [*_options(FIELDS), "--stride", str(STRIDE), "--recipe", "fast", *ON_CPU]
    return ["train", home / "images", "--out", place, "--resume", *options]


def _heatmap(home: Path, place: Path) -> list[str | Path]:
    return ["heatmap", place, _image(home), "--out", place.parent / "maps", "--device", "cpu"]


def _train_on(home: Path, place: Path) -> list[str | Path]:
    own = ["--recipe", "finetune", "--weights-of", place, "--pooling", "attention", "--tiles-per-image", "2"]
    return ["train", home / "images", "--out", place.parent / "new", *own, *_options(FIELDS), *ON_CPU]


def _train_by(home: Path, place: Path) -> list[str | Path]:
    recipe = ["--recipe", place / "recipe.toml", "--steps", "2"]
    return [
        "train",
        home / "images",
        "--out",
        place.parent / "new",
        *recipe,
        "--stride",
        str(STRIDE),
        *ON_CPU,
    ]


def _go_on_folds(home: Path, place: Path) -> list[str | Path]:
    return [*_go_on(home, place), "--folds", "2"]


def _compare(home: Path, place: Path) -> list[str | Path]:
    fields = {name: value for name, value in FIELDS.items() if name not in ("tile", "seed")}
    options = [*_options(fields), "--tiles", f"{TILE},full", "--seeds", "1", "--stride", str(STRIDE)]
    return ["compare", home / "images", "--out", place, "--resume", "--recipe", "fast", *options, *ON_CPU]


def _dimension_of(home: Path, place: Path) -> list[str | Path]:
    few = ["--training-tiles", "200", "--points", "20", "--pairs", "10", "--neighbours", "3"]
    return [
        "dimension",
        home / "images",
        "--tiles",
        f"{TILE},full",
        "--comparison",
        place,
        "--out",
        place.parent / "new",
        *few,
    ]


def _repair_by(home: Path, place: Path) -> list[str | Path]:
    return ["repair", home / "run", "--diagnosis", place, "--out", place.parent / "new", *ON_CPU]


def _repair_on(home: Path, place: Path) -> list[str | Path]:
    return ["repair", home / "run", "--out", place, "--resume", *ON_CPU]


def _predict_on(name: str, home: Path, place: Path) -> list[str | Path]:
    options = ["--top", "2", "--stride", str(STRIDE), "--resume", *ON_CPU]
    return ["predict", home / "run", home / "images", "--out", place / name, *options]


def _evaluate_onnx(home: Path, place: Path) -> list[str | Path]:
    return ["evaluate", place / "model.onnx", home / "images", "--stride", str(STRIDE), *ON_CPU]


def _regions(name: str, home: Path, place: Path) -> list[str | Path]:
    return ["data", home / "images", "--regions", place / name]


def _open_run(place: Path) -> None:
    """Read everything that a run has; each access reads its file."""
    run = nearsight.Run.open(place)
    repr(run)
    refused = None
    for look in (lambda: run.recipe, lambda: run.result, run.predictions, run.classifier):
        try:
            look()
        except nearsight.InputError as error:
            refused = error
    if refused is not None:
        raise refused


def _evaluation(place: Path) -> None:
    found = Evaluation.load(place)
    repr(found)
    for row in ("protocol", "class", "group"):
        found.table(row)  # type: ignore[arg-type]


def _comparison(place: Path) -> None:
    found = nearsight.Comparison.load(place)
    repr(found)
    found.to_json()


def _folds(place: Path) -> None:
    found = nearsight.CrossValidation.load(place)
    repr(found)
    found.to_json()


def _diagnosis(place: Path) -> None:
    found = nearsight.Diagnosis.load(place)
    repr(found)
    found.sentences()
    found.to_json()


def _heatmaps(place: Path) -> None:
    found = nearsight.Heatmaps.load(place)
    repr(found)
    found.to_json()


def _map(place: Path) -> None:
    found = EvidenceMap.load(place / "0.safetensors")
    repr(found)
    found.top_tiles(0)
    found.vote()


def _dimension(place: Path) -> None:
    found = nearsight.Dimension.load(place)
    repr(found)
    found.to_json()
    found.table()


def _repair(place: Path) -> None:
    found = nearsight.Repair.load(place)
    repr(found)
    found.to_json()


def _predicted(place: Path) -> None:
    for file in sorted(place.glob("rows.*")):
        read_predicted(file)


def _classifier(place: Path) -> None:
    repr(nearsight.Classifier.of(place / "model.onnx"))


def _verify(place: Path) -> None:
    nearsight.verify(place).sentences()


def _named(name: str, place: Path) -> None:
    from nearsight.models.said import class_names

    class_names(place / name)


@cache
def _digits() -> Any:
    return nearsight.load("digits")["test"]


def _mapped(name: str, place: Path) -> None:
    from nearsight.evaluation.class_matching import match_classes

    match_classes(_digits(), ("cat", "dog", "owl"), place / name)


_OLDER: tuple[tuple[str, tuple[str, ...], Callable[[Path], None]], ...] = (
    ("schema-1/run", _RUN[:5], _open_run),
    ("schema-1/comparison", ("comparison.json",), _comparison),
    ("schema-1/dimension", ("dimension.json",), _dimension),
    ("schema-1/diagnosis", ("*.json", "*.parquet"), _diagnosis),
    ("schema-2/diagnosis", ("*.json", "rows.json", "*.safetensors"), _diagnosis),
)
