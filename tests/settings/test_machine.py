"""The machine: devices that are there, and as many decoding processes as cores."""

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from nearsight.errors import InputError
from nearsight.settings import Machine


def test_workers_are_those_asked_for_or_one_a_granted_core() -> None:
    assert Machine(workers=0).decoding_workers() == 0
    assert 1 <= Machine().decoding_workers() <= min(16, os.cpu_count() or 1)


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Let torchrun have started so many processes on this node, of which this is the given one."""

    def begin(number: int, count: int) -> None:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
        for name, value in {"RANK": 4 + number, "WORLD_SIZE": 4 + count, "LOCAL_RANK": number}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(count))

    return begin


def test_the_processes_of_a_node_share_its_cores(
    torchrun: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    torchrun(0, 4)
    assert Machine().decoding_workers() == 3


def test_all_processes_of_a_node_with_too_few_gpus_refuse_alike(
    torchrun: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for number in range(4):
        torchrun(number, 4)
        with pytest.raises(
            InputError, match=r"^4 processes on a node need as many GPUs, and this one sees 2; start"
        ):
            Machine().torch_device()
    torchrun(1, 2)
    assert Machine().torch_device() == torch.device("cuda", 1)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert Machine().torch_device() == Machine(device="cpu").torch_device() == torch.device("cpu")
    with pytest.raises(
        InputError, match="device cuda is not available on this machine; give `device='auto'`"
    ):
        Machine(device="cuda").torch_device()


@pytest.mark.parametrize(
    ("script", "guarded"),
    [
        ("import nearsight\nnearsight.train('x')\n", False),
        ("import nearsight\nif __name__ == '__main__':\n    nearsight.train('x')\n", True),
        ("if '__main__' == __name__:\n    pass\n", True),
        ("name = '__main__'\n", False),
    ],
)
def test_no_worker_starts_where_it_would_run_the_script_again(
    script: str, guarded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "script.py"
    path.write_text(script)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(path), raising=False)
    monkeypatch.setattr("multiprocessing.get_start_method", lambda **_: "fork")
    assert Machine(workers=3).decoding_workers() == 3
    monkeypatch.setattr("multiprocessing.get_start_method", lambda **_: "forkserver")
    assert Machine(workers=0).decoding_workers() == 0
    if guarded:
        assert Machine(workers=3).decoding_workers() == 3
    else:
        with pytest.warns(UserWarning, match=r"script\.py has no `if __name__ == '__main__':`"):
            assert Machine(workers=3).decoding_workers() == 0


def test_where_rows_go_is_a_known_name_whose_package_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = {"wandb": ModuleSpec("wandb", None, origin="wandb.py"), "mlflow": None}
    monkeypatch.setattr("nearsight.settings.machine.find_spec", specs.get)
    assert Machine().log == ()
    assert Machine(log=["wandb", "wandb"]).log == ("wandb",)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"`log` needs mlflow, .*; pip install 'nearsight\[mlflow\]'"):
        Machine(log=("mlflow",))
    with pytest.raises(InputError, match="unknown log 'wandbb'; did you mean 'wandb'"):
        Machine(log=("wandbb",))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"got 'wandb'; give `log=\('wandb',\)`"):
        Machine(log="wandb")  # type: ignore[arg-type]
    # A directory `mlflow` in the working directory is no package.
    specs["mlflow"] = ModuleSpec("mlflow", None, is_package=True)
    with pytest.raises(InputError, match="`log` needs mlflow, which is not installed"):
        Machine(log=("mlflow",))
