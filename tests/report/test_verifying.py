"""Verifying: whatever byte of whatever file is damaged, its file is named, and what is whole is said to be."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import Listener

from nearsight.digest import unsealed_json
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.models import Architecture, Classifier, Preprocessing, save_classifier
from nearsight.progress import Stopwatch, duration
from nearsight.report import Heatmap, Heatmaps, verify_files, verifying
from nearsight.settings import Recipe, recipe_to_toml
from nearsight.tiles import TileGrid
from nearsight.training.metrics_log import MetricsLog, MetricsRow, kept_rows
from nearsight.write import write_json, write_tensors, write_toml

FILES = {
    "maps/heatmaps.json",
    "maps/owl.safetensors",
    "maps/pictures/owl.png",
    "run/metrics.csv",
    "run/model.json",
    "run/model.safetensors",
    "run/recipe.toml",
    "run/result.json",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of a run and heatmaps, as they are written."""
    directory = tmp_path_factory.mktemp("written")
    half = (0.5, 0.5, 0.5)
    made = Architecture("resnet9", classes=2, width=0.1)
    save_classifier(
        Classifier(made.build(), made, ("cat", "dog"), 8, Preprocessing(half, half)), directory / "run"
    )
    write_toml(directory / "run" / "recipe.toml", recipe_to_toml(Recipe(tile=8)))
    with MetricsLog(directory / "run") as log:
        log.add(MetricsRow(3, 0.5, 2.0, 0.25, 0.1, None, 100.0, 1.5))
    digests = {"metrics.csv": kept_rows(directory / "run")}
    write_json(directory / "run" / "result.json", {"training": {"steps": 3}, "digests": digests})
    evidence = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, -4.0]]]), TileGrid(4, 8, 4, 4), ("cat", "dog"))
    Heatmaps((Heatmap("owl", torch.zeros(3, 4, 8, dtype=torch.uint8), evidence),)).save(directory / "maps")
    return directory


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "written")
    return tmp_path / "written"


def test_what_was_just_written_is_whole(written: Path) -> None:
    found = verify_files(written)
    assert {one.file: one.state for one in found.files} == dict.fromkeys(FILES, "whole")
    assert found.damaged == ()
    # The figures and their page, and the events of TensorBoard.
    assert found.others == 4
    assert found.sentences()[0] == "8 of 8 files that are read back are whole"


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_flipped_bit_in_any_file_is_found_there_and_nowhere_else(name: str, copied: Path) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 4
    (copied / name).write_bytes(content)
    found = verify_files(copied)
    assert [one.file for one in found.damaged] == [name]
    assert "\n" not in found.damaged[0].why
    assert json.dumps(found.to_json())


@pytest.mark.usefixtures("undrawn")
def test_a_whole_file_of_another_result_is_found(copied: Path, tmp_path: Path) -> None:
    other = EvidenceMap(torch.zeros(2, 1, 2), TileGrid(4, 8, 4, 4), ("cat", "dog"))
    Heatmaps((Heatmap("owl", torch.zeros(3, 4, 8, dtype=torch.uint8), other),)).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "owl.safetensors", copied / "maps")
    [found] = verify_files(copied).damaged
    assert (found.file, found.why) == (
        "maps/owl.safetensors",
        "it is of another result than heatmaps.json",
    )
    with pytest.raises(InputError, match=r"owl\.safetensors is of another result than heatmaps\.json"):
        Heatmaps.load(copied / "maps")
    # Heatmaps of older versions do not list them.
    listed = json.loads(unsealed_json((copied / "maps" / "heatmaps.json").read_bytes(), "file"))
    del listed["beside"]
    write_json(copied / "maps" / "heatmaps.json", listed)
    assert verify_files(copied).damaged == ()
    assert Heatmaps.load(copied / "maps").images[0].evidence.logits.sum() == 0


def test_what_belongs_there_and_is_not_is_missing(copied: Path) -> None:
    for name in ("run/model.safetensors", "maps/pictures/owl.png"):
        (copied / name).unlink()
    states = {one.file: one.state for one in verify_files(copied).damaged}
    assert states == {"run/model.safetensors": "missing"} | {"maps/pictures/owl.png": "missing"}


def test_files_without_digest_are_said_to_have_none_and_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"training": {}}')
    (tmp_path / "recipe.toml").write_text("tile = 8")
    (tmp_path / "metrics.csv").write_text("step\n")
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "model.json").write_text("{broken")
    states = {one.file: one.state for one in verify_files(tmp_path).files}
    kept = dict.fromkeys(["metrics.csv", "model.safetensors", "recipe.toml", "result.json"], "no digest")
    assert states == kept | {"model.json": "damaged"}


def test_names_that_no_file_can_have_and_hostile_lists_are_no_traceback(copied: Path) -> None:
    rows = [{"files": "a\0b"}, {"files": "../../up"}, {"files": 3}, 7]
    write_json(copied / "maps" / "heatmaps.json", {"images": rows})
    (copied / "run" / os.fsdecode(b"\xff.json")).write_text("[" * 100_000)
    os.mkfifo(copied / "run" / "pipe.json")
    states = {one.file: one.state for one in verify_files(copied).files}
    assert states["run/\\udcff.json"] == states["run/pipe.json"] == "damaged"
    assert states["maps/pictures/a\0b.png"] == "missing"


def test_vast_files_are_damaged_and_not_read(copied: Path) -> None:
    names = [
        "run/metrics.csv",
        *(str(path.relative_to(copied)) for path in copied.glob("maps/pictures/*.png")),
    ]
    for name in names:
        with (copied / name).open("wb") as file:
            file.truncate(2**40)
    states = {one.file: one.state for one in verify_files(copied).files}
    assert len(names) > 1
    assert {states[name] for name in names} == {"damaged"}


def test_what_is_no_directory_of_ours_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="give a directory that"):
            verify_files(place)


def test_the_time_ahead_counts_a_byte_of_text_for_more_than_one_of_tensors(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(tmp_path / "a.json", {"text": "x" * 1000})
    write_tensors(tmp_path / "b.safetensors", {"weights": torch.zeros(100_000)})
    text, tensors = ((tmp_path / name).stat().st_size for name in ("a.json", "b.safetensors"))
    monkeypatch.setattr(verifying, "TIMED_BYTES", 0)
    monkeypatch.setattr(Stopwatch, "seconds", lambda _: 60.0)
    verify_files(tmp_path, listener)
    minutes = (verifying.OF_TEXT * text + tensors) / (verifying.OF_TEXT * text)
    assert listener.said == [f"checking 2 files, 0.00 GiB, takes about {duration(60 * minutes)}"]
