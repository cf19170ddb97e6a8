"""Verbs and the directories that they write: while another process writes there, they change nothing."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import nearsight
from nearsight.cli.main import main
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation

HOLD = """
import sys, time
from pathlib import Path
from nearsight.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a directory that another process writes into."""
    directory = tmp_path_factory.mktemp("held") / "predictions.csv.parts"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield directory
    process.kill()
    process.wait()
    process.stdout.close()


def brightness(tiles: torch.Tensor) -> torch.Tensor:
    return tiles.mean((2, 3))


IMAGE = np.zeros((6, 6, 3), np.uint8)
TOY = {"classes": "red,green,blue", "tile": 4}
LABELS = np.array([0])

VERBS: dict[str, Callable[[Path], object]] = {
    "train": lambda out: nearsight.train("digits", tile=8, out=out, resume=True, progress=False),
    "train in folds": lambda out: nearsight.train(
        "digits", tile=8, folds=2, out=out, resume=True, progress=False
    ),
    "compare": lambda out: nearsight.compare("digits", tiles=[8], out=out, resume=True, progress=False),
    "evaluate": lambda out: nearsight.evaluate(
        brightness, ([IMAGE, IMAGE], [0, 1]), out=out, progress=False, **TOY
    ),
    "diagnose": lambda out: nearsight.diagnose(brightness, ([IMAGE], [0]), out=out, progress=False, **TOY),
    "heatmap": lambda out: nearsight.heatmap(brightness, IMAGE, out=out, progress=False, **TOY),
    "dimension": lambda out: nearsight.dimension("digits", out=out, progress=False),
    "predict": lambda out: nearsight.predict(
        brightness, [IMAGE], out=out.with_suffix(""), resume=True, progress=False, **TOY
    ),
    "saving an evaluation": lambda out: Evaluation(
        {}, {"split": "test"}, LABELS, {"vote": LABELS}, {"vote": np.ones((1, 3), np.float32)}
    ).save(out),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_directory_that_another_process_writes_is_refused_and_left(verb: str, held: Path) -> None:
    before = {path.name: path.read_bytes() for path in held.parent.rglob("*") if path.is_file()}
    with pytest.raises(
        InputError, match=rf"^{held} is being written by process \d+ since .*; wait for it, or"
    ):
        VERBS[verb](held)
    assert {path.name: path.read_bytes() for path in held.parent.rglob("*") if path.is_file()} == before


def test_the_command_says_so_in_one_line(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", "--tile", "8", "--out", str(held), "--resume", "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"nearsight: {held} is being written by process ")
    assert line.endswith("; wait for it, or choose another --out")
