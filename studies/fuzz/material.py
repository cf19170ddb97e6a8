"""What the fuzzer damages: a small directory of each kind that Nearsight writes, and files that users give."""

import json
import shutil
import signal
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

import nearsight
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.repair.result import Change, Cost, Example, FoundAgain, Repair, Repaired
from nearsight.settings import Machine, Sampling, make_recipe
from nearsight.settings.recipe import recipe_to_toml
from nearsight.statistics import Estimate, absent
from studies.small_folder import write_small_folder

CLASSES = ("cat", "dog", "owl")
SIDE, TILE, STRIDE = 12, 6, 3
FIELDS = {
    "tile": TILE, "steps": 2, "batch_size": 8, "width": 0.1, "precision": "float32", "validation": 0.0, "seed": 0,
}  # fmt: skip
MACHINE = Machine(device="cpu", workers=0)
OLDER = Path(__file__).parents[2] / "tests" / "fixtures"


def make_material(home: Path, names: Collection[str] | None = None) -> None:
    """Make what is damaged, a directory of each kind, in a directory; what is already there is kept.

    `images` and the files in `given` are a user's; Nearsight wrote everything else. With `names`, only these are
    made.
    """
    for name, make in _KINDS.items():
        if not (home / name).exists() and (names is None or name in names):
            make(home)


def _images(home: Path) -> None:
    write_small_folder(home / "images", CLASSES, SIDE, np.random.default_rng(0))


def _run(home: Path) -> None:
    nearsight.train(
        home / "images",
        recipe="fast",
        out=home / "run",
        stride=STRIDE,
        machine=MACHINE,
        progress=False,
        **FIELDS,
    )
    # By group, so that what groups leave is read back as well.
    nearsight.evaluate(
        home / "run", stride=STRIDE, groups="file.bytes", out=home / "run", machine=MACHINE, progress=False
    )


def _pooled(home: Path) -> None:
    """Continue the training of a run by attention from the weights of another, as fine-tuning does."""
    for name, more in (("first", {}), ("run", {"weights_of": str(home / "pooled" / "first")})):
        nearsight.train(
            home / "images",
            recipe="fast" if name == "first" else "finetune",
            out=home / "pooled" / name,
            stride=STRIDE,
            machine=MACHINE,
            progress=False,
            **FIELDS | more | {"pooling": "attention", "tiles_per_image": 2, "model": "airbench"},
        )


def _begun(home: Path) -> None:
    """Train a run that is interrupted after its first step."""
    with suppress(KeyboardInterrupt):
        nearsight.train(
            home / "images",
            recipe="fast",
            out=home / "begun",
            stride=STRIDE,
            machine=MACHINE,
            progress=_Interrupting(),
            **FIELDS,
        )


class _Interrupting:
    """A watcher that stops training as Ctrl-C does."""

    def say(self, text: str) -> None:
        """Ignore it."""

    def warn(self, text: str) -> None:
        """Ignore it."""

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Interrupt the training."""
        del done, total, detail
        if what == "training":
            signal.raise_signal(signal.SIGINT)


def _comparison(home: Path) -> None:
    fields = {name: value for name, value in FIELDS.items() if name not in ("tile", "seed")}
    nearsight.compare(
        home / "images",
        tiles=[TILE, None],
        seeds=1,
        recipe="fast",
        stride=STRIDE,
        out=home / "comparison",
        machine=MACHINE,
        progress=False,
        **fields,
    )


def _folds(home: Path) -> None:
    nearsight.train(
        home / "images",
        recipe="fast",
        folds=2,
        stride=STRIDE,
        out=home / "folds",
        machine=MACHINE,
        progress=False,
        **FIELDS,
    )


def _diagnosis(home: Path) -> None:
    nearsight.diagnose(
        home / "run", split="train", stride=STRIDE, out=home / "diagnosis", machine=MACHINE, progress=False
    )


def _heatmaps(home: Path) -> None:
    images = sorted((home / "images" / "test" / "cat").iterdir())[:2]
    nearsight.heatmap(
        home / "run", images, stride=STRIDE, out=home / "heatmaps", machine=MACHINE, progress=False
    )


def _dimension(home: Path) -> None:
    nearsight.dimension(
        home / "images",
        tiles=[TILE, None],
        comparison=home / "comparison",
        out=home / "dimension",
        sampling=Sampling(training_tiles=200, points=20, pairs=10, neighbours=3),
        progress=False,
    )


def _repair(home: Path) -> None:
    """Make up a repair: what it was asked for, what it is, and the run that it made."""
    share = Estimate(0.5, 0.2, 0.8, 8)
    images = nearsight.load(home / "images", validation=0)["test"]

    def change(name: str, of: int | None, shortcut: int | None, having: bool | None) -> Change:
        return Change(name, of, shortcut, having, 8, share, share, Estimate(0.1, -0.1, 0.3, 8))

    verdicts = tuple(
        FoundAgain(
            0, "shortcut", "tint", f"a tint {when}", share, share, absent("all have it"), when == "before"
        )
        for when in ("before", "after")
    )
    out = home / "repair"
    found = Repair(
        directory=out,
        run="run",
        data="images",
        classes=CLASSES,
        method="swap",
        from_scratch=False,
        decision="mean-logit",
        chosen_on="half of the images of train, drawn by seed 0",
        seed=0,
        shortcuts=(Repaired(0, 1, "shortcut", "tint", "a green tint of cat", 4, 4, 2, 2),),
        overall=change("all", None, None, None),
        groups=(change("cat with it", 0, 0, True), change("cat without it", 0, 0, False)),
        moved=(change("become cat", 0, 0, None),),
        by_class=tuple(change(name, number, None, None) for number, name in enumerate(CLASSES)),
        before=verdicts[:1],
        after=verdicts[1:],
        cost_before=Cost(400, 8.0, 3 * 10**12),
        cost=Cost(80, 1.0, 6 * 10**11),
        notes=("a note",),
        examples=tuple(Example(index, 0, 0, index < 2, 1, 0) for index in range(4)),
        pictures=ExaminedPictures(images, lambda image: image),
    )
    found.save(out)
    (out / "asked.json").write_text(
        json.dumps(
            {"schema": 1, "run": "run", "data": str(home / "images"), "verdicts": ["all"], "method": None}
            | {"from_scratch": False, "column": None, "seed": 0}
        )
    )


def _predicted(home: Path) -> None:
    """Predict into a table, and leave a part of another as a killed process would."""
    from nearsight.evaluation.parted_table import PartedTable, read_predicted
    from nearsight.settings.prediction_words import columns_of

    out = home / "predicted" / "rows.parquet"
    nearsight.predict(
        home / "run", home / "images", stride=STRIDE, out=out, top=2, machine=MACHINE, progress=False
    )
    nearsight.predict(
        home / "run",
        home / "images",
        stride=STRIDE,
        out=out.with_suffix(".csv"),
        top=2,
        machine=MACHINE,
        progress=False,
    )
    rows = read_predicted(out)
    made_with = json.loads(rows.schema.metadata[b"nearsight"]) if rows.schema.metadata else {}
    made_with.pop("schema", None)
    PartedTable(out.with_name("begun.parquet"), columns_of(2, mapped=False), made_with).write(
        rows.slice(0, 5)
    )


def _exported(home: Path) -> None:
    (home / "exported").mkdir()
    nearsight.export(home / "run", out=home / "exported" / "model.onnx", progress=False)


def _given(home: Path) -> None:
    """Write what a user gives: names, which class is which, a recipe, and annotations."""
    place = home / "given"
    place.mkdir()
    (place / "classes.json").write_text(json.dumps(list(CLASSES)))
    (place / "numbers.json").write_text(
        json.dumps({str(number): name for number, name in enumerate(CLASSES)})
    )
    (place / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    digits = {str(digit): CLASSES[digit % len(CLASSES)] for digit in range(10)}
    (place / "map.json").write_text(json.dumps(digits))
    (place / "map.csv").write_text("".join(f"{digit},{name}\n" for digit, name in digits.items()))
    (place / "recipe.toml").write_text(
        recipe_to_toml(replace(make_recipe("images", "fast", dict(FIELDS)), name="own"))
    )
    files = sorted((home / "images").rglob("*.png"))
    coco = {
        "images": [
            {"id": number, "file_name": str(file), "height": SIDE, "width": SIDE}
            for number, file in enumerate(files)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
        "annotations": [_annotation(number) for number in range(len(files))],
    }
    (place / "coco.json").write_text(json.dumps(coco))
    for folder, suffix, text in (
        ("voc", ".xml", _VOC),
        ("yolo", ".txt", "0 0.5 0.5 0.5 0.5\n1 0.1 0.1 0.9 0.1 0.5 0.9\n"),
    ):
        (place / folder).mkdir()
        for split in ("train", "test"):
            for name in CLASSES:
                (place / folder / split / name).mkdir(parents=True)
        for file in files:
            (place / folder / file.relative_to(home / "images")).with_suffix(suffix).write_text(text)


def _annotation(number: int) -> dict[str, object]:
    drawn: tuple[object, ...] = (
        [[2, 2, 8, 2, 8, 8, 2, 8]],
        {"counts": [50, 4, SIDE * SIDE - 54], "size": [SIDE, SIDE]},
        [],
    )
    return {
        "id": number,
        "image_id": number,
        "category_id": number % len(CLASSES),
        "iscrowd": 0,
        "bbox": [2, 2, 6, 6],
        "segmentation": drawn[number % 3],
    }


_VOC = """<annotation><size><width>12</width><height>12</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>
"""


def _older(home: Path) -> None:
    shutil.copytree(OLDER, home / "older")


_KINDS = {
    "images": _images,
    "run": _run,
    "pooled": _pooled,
    "begun": _begun,
    "comparison": _comparison,
    "folds": _folds,
    "diagnosis": _diagnosis,
    "heatmaps": _heatmaps,
    "dimension": _dimension,
    "repair": _repair,
    "predicted": _predicted,
    "exported": _exported,
    "given": _given,
    "older": _older,
}
