"""`nearsight heatmap` as a user runs it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nearsight.cli.main import main
from nearsight.evidence import EvidenceMap

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path, size in zip(paths, [(8, 8), (12, 10)], strict=True):
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return paths


def test_the_result_is_that_of_the_maps_left_beside_the_figures(
    trained: Path, pictures: list[Path], printed: Printed, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = printed("heatmap", trained, *pictures, "--class", "7", "--stride", "1", "--out", out)
    assert sorted(path.name for path in out.iterdir()) == [
        "heatmaps.html",
        "heatmaps.json",
        *(f"one.{suffix}" for suffix in ("png", "safetensors", "svg")),
        "pictures",
        *(f"two.{suffix}" for suffix in ("png", "safetensors", "svg")),
    ]
    assert [image["tiles"] for image in found["images"]] == [9, 35]
    largest = []
    for image in found["images"]:
        kept = EvidenceMap.load(out / f"{image['files']}.safetensors")
        mean = kept.mean()
        assert image["predicted"] == kept.classes[mean.argmax()]
        assert list(image["classes"]) == list(dict.fromkeys(["7", image["predicted"]]))
        for name, measured in image["classes"].items():
            logits = kept.logits[kept.class_number(name)]
            assert measured["mean-logit"] == pytest.approx(logits.mean().item(), abs=1e-6)
            assert measured["for"][0]["evidence"] == logits.max()
            assert measured["against"][0]["evidence"] == logits.min()
            largest.append(logits.abs().max().item())
    assert found["limit"] == max(largest)


@pytest.mark.usefixtures("undrawn")
def test_the_page_names_the_next_command_where_options_stood_before_the_run(
    trained: Path, pictures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert (
        main(["heatmap", "--stride", "2", "--out", str(out), "--quiet", str(trained), str(pictures[0])]) == 0
    )
    assert f"<code>nearsight diagnose {trained}</code>" in (out / "heatmaps.html").read_text()


@pytest.mark.usefixtures("undrawn")
def test_people_are_told_the_cost_first_and_the_logits_after(
    trained: Path, pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["heatmap", str(trained), *map(str, pictures), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    lines = told.err.splitlines()
    cost = next(line for line in lines if line.startswith("44 tiles, "))
    assert lines.index(cost) < lines.index("mapping images: 2/2")
    assert "(predicted)" in told.out
    assert f"figures and maps: {tmp_path / 'out'}" in told.out


@pytest.mark.usefixtures("undrawn")
def test_a_network_without_a_run_needs_only_a_tile(
    pictures: list[Path], printed: Printed, tmp_path: Path
) -> None:
    found = printed(
        "heatmap", pictures[1], "--model", "timm:test_resnet", "--no-pretrained",
        *("--tile", "80", "--stride", "80", "--class", "tench, Tinca tinca", "--out", tmp_path / "out"),
    )  # fmt: skip
    [image] = found["images"]
    assert min(image["grid"]["height"], image["grid"]["width"]) == 168
    assert image["chosen"] == "tench, Tinca tinca"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["{run}"], "no image was given"),
        (["{run}", "{one}", "--class", "77"], "unknown class '77'; did you mean '7'?"),
        (["{run}", "{one}", "{none}"], "cannot read {none}: no such file"),
        (["{run}", "{one}", "{text}"], "cannot read {text}: not an image in a known format"),
        (["{run}", "{one}", "--tile", "9"], "{one}: a tile of 9 pixels does not fit an image of 8×8"),
        (["{run}", "{one}", "--stride", "0"], "--stride takes a whole number of at least 1"),
        (["{run}", "{one}", "--clas", "7"], "unknown option '--clas'; did you mean '--class'?"),
        (["{one}", "{two}"], "{one} is a file, not a directory"),
        (["{one}", "--model", "timm:resnet18"], "'timm:resnet18' needs the side of the tiles"),
        (["{one}", "--model", "timm:resnt18", "--tile", "8"], "unknown published model 'timm:resnt18'"),
        (["{one}", "--model", "resnet18", "--tile", "8"], "there are no published weights for 'resnet18'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    options: list[str], line: str, trained: Path, pictures: list[Path], refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    one, two = pictures
    names = {"run": trained, "one": one, "two": two, "none": tmp_path / "none", "text": tmp_path / "text.jpg"}
    arguments = [option.format(**names) for option in options]
    assert refused("heatmap", *arguments, "--out", tmp_path / "out").startswith(line.format(**names))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("undrawn")
def test_what_a_prediction_loses_without_each_tile_is_shown_and_kept(
    trained: Path, pictures: list[Path], printed: Printed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ("--evidence", "removal", "--fill", "other", "--out", out)
    found = printed("heatmap", trained, *pictures, *asked)
    for image in found["images"]:
        kept = EvidenceMap.load(out / f"{image['files']}.safetensors")
        assert kept.removal is not None
        assert (kept.removal.protocol, kept.removal.fill) == ("mean-logit", "other")
        assert (image["evidence"], image["fill"]) == ("removal", "other")
        assert image["predicted"] == kept.classes[kept.scores().argmax()]
        [(name, measured)] = image["classes"].items()
        logits = kept.logits[kept.class_number(name)]
        assert measured["mean-logit"] == pytest.approx(kept.scores()[kept.class_number(name)].item())
        assert measured["for"][0]["evidence"] == logits.max()
    capsys.readouterr()
    assert main(["report", str(out)]) == 0
    assert main(["heatmap", str(trained), *map(str, pictures), *map(str, asked)]) == 0
    assert "lost in mean-logit when a tile is replaced by the same place of another image" in " ".join(
        capsys.readouterr().out.split()
    )


def test_one_image_has_no_other_to_fill_it(trained: Path, pictures: list[Path], refused: Refused) -> None:
    said = refused("heatmap", trained, pictures[0], "--evidence", "removal", "--fill", "other")
    assert "there is one image; give two, or another --fill" in said


def test_a_fill_without_removal_is_refused(trained: Path, pictures: list[Path], refused: Refused) -> None:
    said = refused("heatmap", trained, pictures[0], "--fill", "blur")
    assert said.endswith("add --evidence removal, or leave --fill out")
