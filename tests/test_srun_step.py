"""What srun started is what Fabric is told, whatever the job around it asked for."""

import os

import pytest

from nearsight.errors import InputError
from nearsight.launch import Launch, this_launch
from nearsight.srun_step import SrunStep, step_port

STEP = {
    "SLURM_JOB_ID": "4242",
    "SLURM_NODEID": "1",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NUM_NODES": "2",
}


@pytest.mark.parametrize(
    "job",
    [
        {"SLURM_NTASKS": "4"},  # srun -n 4, without --ntasks-per-node
        {
            "SLURM_NTASKS": "16",
            "SLURM_NTASKS_PER_NODE": "8",
            "SLURM_NNODES": "2",
        },  # a small step of a large job
        {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "interactive"},
    ],
)
def test_a_step_is_what_its_launch_says(job: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    environment = STEP | job | {"SLURM_NODELIST": "gpu[03-09]", "SLURM_STEP_NODELIST": "gpu[07-08],login"}
    # What is set before is put back at the end, whatever is set meanwhile.
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    launch = this_launch()
    step = SrunStep(launch)
    step.validate_settings(num_devices=launch.on_node, num_nodes=launch.nodes)
    assert (step.world_size(), step.global_rank(), step.local_rank(), step.node_rank()) == (4, 3, 1, 1)
    assert (step.main_address, step.main_port) == ("gpu07", 23442)
    assert step.creates_processes_externally
    monkeypatch.setitem(os.environ, "MASTER_ADDR", "10.0.0.1")
    assert step.main_address == "10.0.0.1"


def test_steps_of_a_job_and_of_the_next_jobs_meet_at_ports_of_their_own() -> None:
    ports = [step_port(4_294_900 + job, step) for job in range(100) for step in range(100)]
    assert len(set(ports)) == len(ports)
    # Not those of other services, nor those that Linux gives to connections.
    assert min(ports) >= 15_000
    assert max(ports) < 30_000


def test_a_port_is_derived_from_the_step_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_NODEID": "0", "SLURM_JOB_ID": "4242", "SLURM_STEP_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    step = SrunStep(Launch(processes=2, by="srun"))
    monkeypatch.setenv("MASTER_PORT", "")
    monkeypatch.delenv("MASTER_PORT")
    assert step.main_port == step_port(4242, 7)
    monkeypatch.setenv("MASTER_PORT", "40000")
    assert step.main_port == 40_000
    monkeypatch.setenv("MASTER_PORT", "any")
    with pytest.raises(InputError, match="the environment's MASTER_PORT is 'any'; expected a whole number"):
        step.main_port  # noqa: B018 (reading it raises)
