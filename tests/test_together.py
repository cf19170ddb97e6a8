"""Processes of torchrun share what is done together: the same rows, files and errors as of one process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

import nearsight
from nearsight import together
from nearsight.errors import InputError
from nearsight.launch import Launch
from nearsight.settings import Machine
from nearsight.together import ONE_PROCESS, Processes

RECIPE = {"recipe": "fast", "steps": 4, "width": 0.1, "precision": "float32", "batch_size": 48}
SHARED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
import nearsight
from nearsight.errors import InputError
from nearsight.settings import Machine
from nearsight.together import all_processes
RECIPE = RECIPE_HERE
out, machine = Path(sys.argv[1]), Machine(device="cpu")
with all_processes() as processes:
    rank = processes.launch.rank
    assert processes.each(lambda: rank) == [0, 1]
    def fail():
        if rank == 1:
            raise InputError("this process alone found it")
    try:
        processes.each(fail)
    except InputError as error:
        assert str(error) == "process 1 of 2: this process alone found it", error
    else:
        raise AssertionError("an error of one process is one of all")
run = nearsight.train("digits", tile=6, out=out / "run", machine=machine, progress=False, **RECIPE)
nearsight.evaluate(out / "alone", out=out / "shared", stride=2, machine=machine, progress=False)
found = nearsight.compare(
    "digits", tiles=[6, 8], seeds=1, out=out / "compared", machine=machine, progress=False, **RECIPE
)
assert found.images == 365
try:
    nearsight.report(out / "alone")
except InputError as error:
    assert "torchrun started 2" in str(error)
"""

ENDING = """
import atexit, gc, os, signal, socket, sys, time
from datetime import timedelta
import torch
from torch import distributed
import lightning_fabric.strategies.ddp
from nearsight import together
from nearsight.errors import InputError
torch.set_num_threads(1)
gc.freeze()

def begin(rank, port, end):
    child = os.fork()
    if child:
        return child
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_PORT": str(port)}
    own = os.getpid()
    def tell():
        os.write(1, f"{end} {rank} {distributed.is_initialized()}\\n".encode())
        # At the end of a process that was forked, PyTorch 2.11 waits for threads that only its parent has.
        if os.getpid() != own:
            os._exit(0)
    # What is registered first is called last.
    atexit.register(tell)
    try:
        with together.all_processes() as processes:
            assert processes.each(lambda: rank) == [0, 1]
            def refuse():
                raise InputError("of all")
            if end == "refused":
                processes.each(refuse)
            if end == "error":
                raise InputError("of one, which the others may wait for")
    except InputError:
        pass
    if end == "killed" and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "hanging" and rank == 1:
        signal.pause()
    # A process that is forked from one of them leaves the connection alone.
    if end == "order" and rank == 0 and os.fork():
        assert os.wait()[1] == 0
    sys.exit()

os.environ |= {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
for end in ("order", "refused", "error", "killed", "hanging"):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first, second = (begin(rank, port, end) for rank in (0, 1))
    assert os.waitpid(first, 0)[1] == 0, end
    if end == "hanging":
        os.kill(second, signal.SIGKILL)
    assert (os.waitpid(second, 0)[1] == 0) == (end not in ("killed", "hanging")), end
"""


def shares(count: int, processes: int, block: int) -> list[range]:
    return [Processes(Launch(rank=k, processes=processes)).share(count, block) for k in range(processes)]


@pytest.mark.parametrize("count", [0, 1, 127, 128, 365, 1000])
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_shares_are_whole_blocks_without_overlap_or_loss(count: int, processes: int) -> None:
    found = shares(count, processes, 128)
    assert [place for share in found for place in share] == list(range(count))
    assert all(share.start % 128 == 0 or share.start == count for share in found)
    blocks = [-(-len(share) // 128) for share in found]
    assert max(blocks) - min(blocks) <= 1


def test_one_process_does_all_and_its_errors_are_its_own() -> None:
    assert ONE_PROCESS.each(lambda: 3) == [3]
    assert ONE_PROCESS.first_does(lambda: "written") == "written"

    def fail() -> None:
        raise InputError("no such file")

    with pytest.raises(InputError, match=r"^no such file$"):
        ONE_PROCESS.each(fail)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no processes")
def test_two_processes_make_the_files_that_one_makes(tmp_path: Path) -> None:
    machine = Machine(device="cpu")
    alone = nearsight.train(
        "digits", tile=6, out=tmp_path / "alone", machine=machine, progress=False, **RECIPE
    )
    nearsight.evaluate(alone, out=tmp_path / "one", stride=2, machine=machine, progress=False)
    nearsight.compare(
        "digits", tiles=[6, 8], seeds=1, out=tmp_path / "before", machine=machine, progress=False, **RECIPE
    )
    script = tmp_path / "script.py"
    script.write_text(SHARED.replace("RECIPE_HERE", repr(RECIPE)))
    # The last digits depend on the number of threads.
    threads = str(torch.get_num_threads())
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *(str(script), str(tmp_path)),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""

    one, shared = (pq.read_table(tmp_path / name / "predictions.parquet") for name in ("one", "shared"))
    assert shared.equals(one)
    run = nearsight.Run.open(tmp_path / "run")
    assert run.result["training"]["hardware"]["processes"] == 2
    assert set(run.result["evaluation"]["test"]["protocols"]) >= {"mean-logit", "full-pass"}
    # Each run of a comparison is one process's, and so are its bits.
    compared, again = (nearsight.Comparison.load(tmp_path / name) for name in ("before", "compared"))
    for before, after in zip(compared.arms, again.arms, strict=True):
        assert before.name == after.name
        for was, now in zip(before.accuracies, after.accuracies, strict=True):
            assert was.seeds == now.seeds
    assert (tmp_path / "compared" / "report.html").is_file()


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Make this process one of two of a step that meet at this computer's port, bound, not listened at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
        for name, value in {"SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
            monkeypatch.setenv(name, value)
        yield held


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no processes")
def test_a_port_that_is_taken_is_said_in_a_line(two: socket.socket) -> None:
    two.listen()
    said = r"^the 2 processes cannot be connected at 127\.0\.0\.1:\d+: .*listen.*; if something else uses this port, "
    with pytest.raises(InputError, match=said):
        together._connect(Launch(processes=2, by="srun"))
    assert not torch.distributed.is_initialized()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no processes")
@pytest.mark.parametrize("rank", [0, 1])
def test_who_never_starts_is_not_waited_for_longer_than_people_expect(
    rank: int, two: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(minutes=5) < together.STARTING <= timedelta(hours=1)
    monkeypatch.setattr(together, "STARTING", timedelta(seconds=1))
    two.close()
    said = r"^the 2 processes did not all meet at 127\.0\.0\.1:\d+ within 0 minutes: .*; look for those"
    with pytest.raises(InputError, match=said):
        together._connect(Launch(rank=rank, processes=2, by="srun"))
    assert not torch.distributed.is_initialized()


@pytest.mark.skipif(not torch.distributed.is_available() or not hasattr(os, "fork"), reason="needs both")
def test_processes_part_at_their_end_unless_something_went_wrong_and_wait_for_none(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(ENDING)
    done = subprocess.run(
        # Python 3.12 warns of a fork beside other threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", str(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    # Whether each is still connected when Python ends.
    assert sorted(done.stdout.splitlines()) == [
        "error 0 True",
        "error 1 True",
        "hanging 0 False",
        "killed 0 False",
        "order 0 False",
        "order 0 True",
        "order 1 False",
        "refused 0 False",
        "refused 1 False",
    ]
