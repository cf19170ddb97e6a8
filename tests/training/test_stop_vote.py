"""Processes agree on the step after which they stop, without waiting for each other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nearsight.training.stop_vote import StopVote

VOTERS = r"""
import sys, time
from torch import distributed
from nearsight.training.stop_vote import StopVote
distributed.init_process_group("gloo")
rank = distributed.get_rank()
for said_at in map(int, sys.argv[1:]):
    vote = StopVote(distributed.get_world_size())
    stopped = None
    for step in range(12):
        # One is slower than the other.
        time.sleep(0.02 * rank)
        if vote.cast(rank == 1 and step >= said_at):
            stopped = step
            break
    last = vote.close()
    distributed.barrier()
    # The launcher starts Python unbuffered, where `print` writes word by word and two processes mix their lines.
    sys.stdout.write(f"{said_at}: {stopped} {last}\n")
distributed.destroy_process_group()
"""


def test_a_process_alone_knows_at_once() -> None:
    vote = StopVote(processes=1)
    assert [vote.cast(stop) for stop in (False, False, True)] == [False, False, True]
    assert not vote.close()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no processes")
def test_all_stop_after_the_step_after_the_one_that_says_so(tmp_path: Path) -> None:
    script = tmp_path / "voters.py"
    script.write_text(VOTERS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *(str(script), "4", "11", "99"),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = ["4: 5 False", "11: None True", "99: None False"]
    assert sorted(done.stdout.splitlines()) == sorted(2 * seen)
