"""Runs in processes of their own: killed at random moments, and shared between two."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nearsight.data import load
from nearsight.runs import Run
from nearsight.settings import RECIPES, Machine
from nearsight.training import train

COMMON = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from nearsight.data import load
from nearsight.errors import InputError
from nearsight.settings import RECIPES, Machine
from nearsight.training import train
out = Path(sys.argv[1])
sets = load("digits")
recipe = replace(RECIPES["fast"], data="digits", tile=6, width=0.1, batch_size=24, precision="float32")
"""

KILLED = """
import os, random, signal, time
import lightning_fabric, safetensors.torch, sklearn.model_selection, torch.utils.tensorboard
from nearsight.training.checkpoint import read_checkpoint
recipe = replace(recipe, steps=40, ema=0.9)

def begin(out):
    child = os.fork()
    if child == 0:
        train(recipe, sets, out, resume=True, machine=Machine(device="cpu", checkpoint_seconds=0.01))
        os._exit(0)
    return child

started = time.monotonic()
assert os.waitpid(begin(out / "whole"), 0)[1] == 0
length = time.monotonic() - started
moments = random.Random(0)
reached = [0]
for _ in range(3):
    child = begin(out / "run")
    time.sleep(moments.uniform(0.0, 0.6 * length))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    checkpoint = read_checkpoint(out / "run")
    reached.append(checkpoint.milestone.step if checkpoint else reached[-1])
assert os.waitpid(begin(out / "run"), 0)[1] == 0
print(*reached)
"""

SHARED = """
from torch import nn
from nearsight.training import prepare
prepare.build = lambda *_args, **_options: nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10)
)
recipe = replace(recipe, whiten=False, optimizer="sgd", steps=8, accumulate=2)
for name in ("first", "second"):
    train(recipe, sets, out / name, resume=True, machine=Machine(device="cpu", devices=2))
"""


def run_script(tmp_path: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(COMMON + body)
    keep = {
        name: value
        for name, value in os.environ.items()
        if name not in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE")
    }
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        env=keep | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def deterministic_rows(run: Path) -> list[list[str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row[:6] for row in csv.reader(file)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kills_at_random_moments_change_no_bit(
    tmp_path: Path, read_weights: Callable[[Path], dict[str, torch.Tensor]]
) -> None:
    done = run_script(tmp_path, KILLED, str(tmp_path))
    assert done.returncode == 0, done.stderr
    reached = [int(step) for step in done.stdout.split()]
    assert any(0 < step < 40 for step in reached), "no kill fell between two checkpoints"
    whole, resumed = read_weights(tmp_path / "whole"), read_weights(tmp_path / "run")
    assert all(whole[name].equal(resumed[name]) for name in whole)
    assert deterministic_rows(tmp_path / "run") == deterministic_rows(tmp_path / "whole")
    names = {path.name for path in (tmp_path / "run").iterdir() if "tfevents" not in path.name}
    files = {"recipe.toml", "split.parquet", "model.safetensors", "model.json", "metrics.csv", "result.json"}
    assert names == files


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no processes")
def test_two_processes_learn_what_one_does_run_after_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_weights: Callable[[Path], dict[str, torch.Tensor]]
) -> None:
    def network(*_args: object, **_options: object) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10))

    monkeypatch.setattr("nearsight.training.prepare.build", network)
    recipe = replace(RECIPES["fast"], data="digits", tile=6, width=0.1, batch_size=24, precision="float32")
    recipe = replace(recipe, whiten=False, optimizer="sgd", steps=8, accumulate=2)
    train(recipe, load("digits"), tmp_path / "first", machine=Machine(device="cpu"))
    (tmp_path / "shared").mkdir()
    # The first of two runs is finished: neither process may take it up again while the other goes on.
    shutil.copytree(tmp_path / "first", tmp_path / "shared" / "first")

    done = run_script(tmp_path, SHARED, str(tmp_path / "shared"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    run = Run.open(tmp_path / "shared" / "second")
    assert run.finished
    assert run.result["training"]["hardware"]["processes"] == 2
    alone, shared = read_weights(tmp_path / "first"), read_weights(run.directory)
    for key in alone:
        torch.testing.assert_close(shared[key], alone[key], rtol=1e-4, atol=1e-5)
    assert len(deterministic_rows(run.directory)) == len(deterministic_rows(tmp_path / "first"))
