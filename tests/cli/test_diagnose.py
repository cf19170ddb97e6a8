"""`nearsight diagnose`: what it prints, what it leaves, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nearsight.cli.main import main
from nearsight.diagnosis import TABLES
from nearsight.diagnosis.reliance.verdict import BACKGROUND, OBJECT
from nearsight.digest import unsealed_json
from nearsight.statistics import absent

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]

Find = Callable[..., None]

FEW = ["--images", "40", "--faithfulness", "1", "--device", "cpu", "--workers", "0"]


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Find:
    """Return what makes the command find some parts, without looking for them, and print nothing of them."""

    class Found(dict[str, Any]):
        classes, class_images = ("cat", "deer"), (100, 100)

        def __init__(self, parts: dict[str, Any], split: str) -> None:
            super().__init__(parts)
            self.split = split

        def to_json(self) -> dict[str, Any]:
            return {}

    def find(**parts: Any) -> None:
        monkeypatch.setattr("nearsight.verbs.diagnose", lambda *_, split, **__: Found(parts, split))
        monkeypatch.setattr("nearsight.cli.show.print_diagnosis", lambda *_: None)

    return find


def test_one_object_is_printed_and_kept(printed: Printed, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = printed("diagnose", trained, "--out", out, *FEW)
    assert result.pop("out") == str(out)
    kept = json.loads(unsealed_json((out / "diagnosis.json").read_bytes(), "file"))
    assert kept.pop("beside").keys() == {"rows.json", "maps.safetensors", "pictures.parquet"}
    assert result == kept
    assert (result["images"], result["tile"], result["stride"]) == (40, 6, 1)
    assert {path.name for path in out.iterdir()} == {
        "diagnosis.json",
        "report.html",
        "rows.json",
        "maps.safetensors",
        "pictures.parquet",
        *(f"{name}.parquet" for name in TABLES),
    }


def test_the_summary_and_the_page_are_told(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["diagnose", str(trained), "digits", "--split", "train", *FEW]) == 0
    told = capsys.readouterr().out
    assert "on digits train, 40 images, tile 6, stride 1" in told
    assert "of 40 images, under mean-logit, tile " in told
    assert "no region is known" in told
    *_, page, following = told.strip().splitlines()
    page = page.removeprefix("the page: ")
    assert following.startswith("next: nearsight ")
    assert (tmp_path / page).is_file()


def test_a_published_network_needs_a_set_and_a_tile(refused: Refused, trained: Path) -> None:
    model = ("--model", "timm:test_resnet", "--no-pretrained")
    assert "needs the side of the tiles" in refused("diagnose", "digits", *model)
    assert "too many" in refused("diagnose", trained, "digits", *model, "--tile", "6")
    assert "classes" in refused("diagnose", "digits", *model, "--tile", "6")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--split", "tset"], "'digits' has no split 'tset'"),
        (["--tile", "9"], "a tile of 9 pixels does not fit"),
        (["--images", "0"], "--images"),
        (["--parts", "errors,reson"], "unknown part 'reson'; did you mean 'reasons'"),
        (["--seed", "-1"], "--seed"),
        (["nothing-here"], "unknown"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    options: list[str], line: str, refused: Refused, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert line in refused("diagnose", trained, *options, "--out", out)
    assert not out.exists()


def test_parts_are_left_out_and_the_seed_is_kept(printed: Printed, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = printed("diagnose", trained, "--out", out, "--parts", "labels,errors", "--seed", "3", *FEW)
    assert result["seed"] == 3
    assert "by seed 3" in result["notes"][0]
    assert {path.stem for path in out.glob("*.parquet")} == {
        "errors",
        "pairs",
        "suspects",
        "duplicates",
        "examined",
        "pictures",
    }


@pytest.mark.parametrize(
    ("option", "part"), [(("--groups", "file.format"), "columns"), (("--null",), "reliance")]
)
def test_an_option_whose_part_is_left_out_is_refused(
    option: tuple[str, ...], part: str, trained: Path, refused: Refused, tmp_path: Path
) -> None:
    said = refused("diagnose", trained, "--parts", "errors", *option, "--out", tmp_path / "out")
    assert said == (
        f"{option[0]} is for the part {part}, which --parts leaves out; name that part too, or leave {option[0]} out"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "limit", "following"),
    [
        (
            [],
            None,
            "next: nearsight diagnose {run} --split train --parts verdicts --out out-train (shortcuts alone",
        ),
        (
            ["--stride", "2", "--skip-blank", "9"],
            None,
            "next: nearsight diagnose {run} --stride 2 --skip-blank 9 --split train --parts verdicts",
        ),
        ([], 0.4, "next: nearsight heatmap {run} IMAGE"),
        (["--split", "train"], None, "next: nearsight heatmap {run} IMAGE"),
        (["--images", "40"], None, "next: nearsight heatmap {run} IMAGE"),
        (["digits"], None, "next: nearsight heatmap {run} IMAGE"),
    ],
)
def test_where_test_images_are_too_few_training_images_are_asked_next(
    options: list[str],
    limit: float | None,
    following: str,
    trained: Path,
    find: Find,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find(verdicts=SimpleNamespace(verdicts=(), more_would_help=limit is None, left_out=(), limits=()))
    assert main(["diagnose", str(trained), *options, "--out", "out"]) == 0
    assert capsys.readouterr().out.startswith(following.format(run=trained))


@pytest.mark.parametrize(("word", "following"), [(BACKGROUND, "repair"), (OBJECT, "heatmap")])
def test_a_background_that_decides_is_repaired_next(
    word: str,
    following: str,
    trained: Path,
    find: Find,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reliance = SimpleNamespace(asked=SimpleNamespace(classes=[SimpleNamespace(verdict=word)]))
    find(reliance=reliance)
    monkeypatch.setattr("nearsight.verbs.foreseen.seconds_of_repair", lambda *_, **__: 60.0)
    assert main(["diagnose", str(trained), "--parts", "reliance", "--out", "out"]) == 0
    assert capsys.readouterr().out.startswith(f"next: nearsight {following} {trained}")


def test_a_repair_of_what_training_images_show_takes_their_diagnosis(
    trained: Path, find: Find, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = SimpleNamespace(
        class_number=1,
        verdict="shortcut",
        may_be_the_class=False,
        attribute="sharpness",
        told="blurred",
        ruled=tuple(range(40)),
        interventions=(),
    )
    right = absent("not asked")
    find(
        verdicts=SimpleNamespace(
            verdicts=(one,),
            shortcuts=(one,),
            more_would_help=True,
            left_out=(),
            limits=(),
            accuracy=right,
            remaining=right,
        )
    )
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "nearsight.verbs.foreseen.seconds_of_repair", lambda *_, **given: asked.append(given) or 60.0
    )
    for split, said in (
        ("train", f"next: nearsight repair {trained} --diagnosis out (trains on without it: about 1:00)"),
        ("test", f"next: nearsight repair {trained} --stride 7 (diagnoses its training images"),
    ):
        assert main(["diagnose", str(trained), "--split", split, "--stride", "7", "--out", "out"]) == 0
        assert capsys.readouterr().out.startswith(said)
    assert asked == [{"diagnosed": True, "stride": 7}, {"diagnosed": False, "stride": 7}]
