"""A run on a hub that stands in a directory: it comes back as it was, with a card that says how good it is."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nearsight.errors import InputError
from nearsight.runs import Run

OLD = Path(__file__).parents[1] / "fixtures" / "schema-1"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory that stands for the hub."""
    root = tmp_path / "hub"

    class Api:
        def __init__(self, token: str | None = None) -> None:
            self.token = token

        def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> str:
            assert exist_ok
            if repo_id.startswith("closed/"):
                raise OSError("403 Forbidden\nno rights")
            (root / repo_id).mkdir(parents=True, exist_ok=True)
            (root / repo_id / ".private").write_text(f"{private} {self.token}")
            return f"https://huggingface.co/{repo_id}"

        def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
            shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)
            (root / repo_id / ".message").write_text(commit_message)

    def snapshot_download(repo_id: str, *, local_dir: str | None, allow_patterns: list[str], **_: Any) -> str:
        if not (root / repo_id).is_dir():
            raise OSError(f"404: {repo_id}")
        place = Path(local_dir or tmp_path / "cache")
        place.mkdir(parents=True, exist_ok=True)
        for path in (root / repo_id).iterdir():
            if path.name in allow_patterns:
                shutil.copy(path, place)
        return str(place)

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return root


def test_a_run_comes_back_as_it_was(hub: Path, tmp_path: Path) -> None:
    run = Run.open(OLD / "run")
    assert run.to_hub("me/first", private=True, token="secret") == "https://huggingface.co/me/first"
    assert (hub / "me" / "first" / ".private").read_text() == "True secret"
    held = {path.name for path in (hub / "me" / "first").iterdir() if not path.name.startswith(".")}
    assert held == {"model.safetensors", "model.json", "recipe.toml", "result.json", "README.md"}
    again = Run.from_hub("me/first", directory=tmp_path / "mine")
    assert (again.directory, again.recipe, again.result) == (tmp_path / "mine", run.recipe, run.result)
    tiles = torch.randn(2, 3, 4, 4)
    assert torch.equal(again.classifier()(tiles), run.classifier()(tiles))
    assert Run.from_hub("me/first").finished


def test_the_card_says_how_good_it_is_under_which_protocol(hub: Path) -> None:
    run = Run.open(OLD / "run")
    run.to_hub("me/first")
    _, header, card = (hub / "me" / "first" / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(header)
    assert (told["library_name"], told["pipeline_tag"]) == ("nearsight", "image-classification")
    found = run.result["evaluation"]["test"]
    rows = [line for line in card.splitlines() if line.startswith("| digits test")]
    [told_of_test] = told["model-index"][0]["results"]
    assert len(rows) == len(found["protocols"]) == len(told_of_test["metrics"])
    assert all(row.endswith("| 359 |") for row in rows)
    whole = ["whole images" in row for row in rows]
    assert whole == ["`full-pass" in row for row in rows] == ["tile 4, stride 1" not in row for row in rows]
    assert True in whole
    accuracy = f"{100 * found['protocols']['mean-logit']['accuracy']:.1f} ("
    assert any("`mean-logit`" in row and accuracy in row for row in rows)
    names = [metric["name"] for metric in told_of_test["metrics"]]
    assert {"accuracy, full-pass, whole images", "accuracy, vote, tile 4, stride 1, covering grid"} <= set(
        names
    )
    assert "torch" in card
    assert 'Run.from_hub("me/first")' in card


def test_names_are_text_in_the_card(hub: Path, tmp_path: Path) -> None:
    run = Run.open(shutil.copytree(OLD / "run", tmp_path / "run"))
    path = run.directory / "model.json"
    path.write_text(path.read_text().replace('"0"', '"<script>|a`b"'))
    run.to_hub("me/odd")
    assert "\\<script\\>\\|a\\`b" in (hub / "me" / "odd" / "README.md").read_text()


def test_what_cannot_be_shared_or_fetched_is_one_line(hub: Path) -> None:
    with pytest.raises(InputError, match="the run is not finished"):
        Run.open(OLD / "begun").to_hub("me/begun")
    with pytest.raises(InputError, match=r"did not take or give 'closed/x' \(OSError: 403 Forbidden\)"):
        Run.open(OLD / "run").to_hub("closed/x")
    with pytest.raises(InputError, match="did not take or give 'me/none'"):
        Run.from_hub("me/none")
    (hub / "me" / "other").mkdir(parents=True)
    with pytest.raises(
        InputError, match=r"me/other on the hub is no run of Nearsight: it has no model\.safetensors"
    ):
        Run.from_hub("me/other")
