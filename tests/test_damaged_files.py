"""Whatever is damaged in what is read back, it is read, or refused in one line, and nothing is changed.

`python -m studies fuzz` does the same with every command, in processes of their own.
"""

import shutil
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studies.fuzz import tables
from studies.fuzz.material import make_material
from studies.fuzz.readers import Reader, readers
from studies.fuzz.trial import damaged_copy, snapshot

from nearsight.cli.main import main
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.report import Heatmap
from nearsight.report.saved_heatmaps import save_pictures
from nearsight.tiles import TileGrid

FOLDERS = ("repair", "heatmaps", "given", "older/schema-1", "older/schema-2")
IN_PYTHON = [
    reader
    for reader in readers()
    if reader.call is not None and reader.folder.startswith(FOLDERS) and reader.name != "read_recipe"
]
few = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with what is damaged: that of which nothing has to be trained."""
    home = tmp_path_factory.mktemp("material")
    make_material(home, ("images", "given", "repair", "older"))
    random = torch.Generator().manual_seed(0)
    grid = TileGrid(20, 24, tile=8, stride=4)
    maps = EvidenceMap(torch.randn(2, *grid.shape, generator=random), grid, ("cat", "dog"))
    maps.save(home / "heatmaps" / "0.safetensors")
    image = torch.randint(256, (3, 20, 24), dtype=torch.uint8, generator=random)
    save_pictures(home / "heatmaps", [Heatmap("0.png", image, maps, 1)], ["0"])
    return home


@pytest.fixture(autouse=True)
def quick_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claim fewer rows: to write a table of very many takes seconds."""
    monkeypatch.setattr(tables, "CLAIMED", 1000)


@pytest.mark.parametrize("reader", IN_PYTHON, ids=lambda reader: f"{reader.name} {reader.folder}")
@few
@given(seed=st.integers(0, 2**32))
def test_what_is_damaged_is_read_or_refused(reader: Reader, home: Path, tmp_path: Path, seed: int) -> None:
    work = tmp_path / "case"
    shutil.rmtree(work, ignore_errors=True)
    place, _, _ = damaged_copy(reader, home, work, Random(seed))
    before = snapshot(place)
    assert reader.call is not None
    refusal = ""
    try:
        reader.call(place)
    except InputError as error:
        refusal = str(error)
    assert refusal.isprintable()
    assert snapshot(place) == before


@few
@given(seed=st.integers(0, 2**32))
def test_a_command_refuses_in_one_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    work = tmp_path / "case"
    shutil.rmtree(work, ignore_errors=True)
    reader = next(one for one in readers() if one.name == "report older schema-1/run")
    place, _, _ = damaged_copy(reader, home, work, Random(seed))
    code = main(["report", str(place), "--out", str(tmp_path / "out"), "--quiet"])
    told = capsys.readouterr().err.splitlines()
    assert (code, len(told)) in ((0, 0), (2, 1)), told
