"""How a process was started is read from its environment, and what is not made for several is refused."""

import pytest

from nearsight.errors import InputError
from nearsight.launch import ALONE, by_itself, in_one_process, read_launch, this_launch
from nearsight.progress import is_first_process

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none", "RANK": "5", "WORLD_SIZE": "6", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "3",
}  # fmt: skip
SRUN = {
    "SLURM_STEP_NUM_TASKS": "6", "SLURM_PROCID": "5", "SLURM_LOCALID": "2", "SLURM_STEP_NUM_NODES": "2",
}  # fmt: skip


@pytest.mark.parametrize(("environment", "by"), [(TORCHRUN, "torchrun"), (SRUN, "srun")])
def test_launchers_say_which_process_this_is(environment: dict[str, str], by: str) -> None:
    launch = read_launch(environment)
    assert (launch.rank, launch.processes, launch.local_rank, launch.nodes, launch.by) == (5, 6, 2, 2, by)
    assert launch.on_node == 3
    assert launch.takes_part
    assert not launch.first


@pytest.mark.parametrize(
    "environment",
    [
        {},
        # A script of sbatch, and one process of torchrun.
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"},
        TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
        {"LOCAL_RANK": "0", "NODE_RANK": "0"},
        {"LOCAL_RANK": "99"},
        # Another launcher's single process, and a setting that a shell keeps for launchers.
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
        {"WORLD_SIZE": "4"},
    ],
)
def test_one_process_is_alone(environment: dict[str, str]) -> None:
    assert read_launch(environment) == ALONE


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "5", "WORLD_SIZE": "6"},
        {"RANK": "0", "WORLD_SIZE": "6", "LOCAL_RANK": "0"},
        {"OMPI_COMM_WORLD_SIZE": "6", "OMPI_COMM_WORLD_RANK": "0"},
        {"PMI_SIZE": "6", "PMI_RANK": "1"},
    ],
)
def test_several_processes_of_another_launcher_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(
        InputError, match="is 6, and neither torchrun nor srun started this process; start the 6"
    ):
        read_launch(environment)


def test_a_process_that_a_training_starts_reports_nothing_and_shares_nothing() -> None:
    # With a rank that its parent's shell had kept.
    child = read_launch({"LOCAL_RANK": "1", "NODE_RANK": "0", "WORLD_SIZE": "2", "RANK": "0"})
    assert not child.first
    assert not child.takes_part
    assert child.by is None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (TORCHRUN | {"WORLD_SIZE": "7"}, "7 processes, 3 of them on this node"),
        (TORCHRUN | {"RANK": "six"}, "RANK is 'six'"),
        (TORCHRUN | {"RANK": "9" * 5000}, "RANK is '9999"),
        (TORCHRUN | {"RANK": "6"}, "process 6 of 6"),
        ({name: value for name, value in TORCHRUN.items() if name != "LOCAL_RANK"}, "LOCAL_RANK is ''"),
        (SRUN | {"SLURM_STEP_NUM_NODES": "4"}, "6 tasks on 4 nodes"),
        (SRUN | {"SLURM_STEP_NUM_NODES": "0"}, "6 tasks on 0 nodes"),
    ],
)
def test_an_environment_that_contradicts_itself_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_launch(environment)


def test_what_is_made_for_one_process_is_refused_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    @in_one_process
    def draw() -> str:
        return "drawn"

    assert draw() == "drawn"
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert not is_first_process()
    with pytest.raises(
        InputError, match=r"`draw` works in one process, and torchrun started 6; start it alone"
    ):
        draw()
    with by_itself():
        assert draw() == "drawn"
        assert this_launch().local_rank == 2
        assert is_first_process()
