"""The processes of one `srun`, as Fabric asks for them."""

import os

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

from nearsight.launch import Launch, number_in

# Below those that systems give to whoever asks for any.
_FIRST_PORT, _PORTS = 15_000, 15_000
# A job has fewer steps at a time; without a common divisor, jobs come back to a port as late as they can.
_STEPS = 101


class SrunStep(SLURMEnvironment):
    """Tells Fabric what this `srun` started, whatever the job around it asked for.

    Fabric's own class takes the settings of the whole job: it refuses `srun -n 2`, and a step with fewer tasks or
    nodes than its job.
    """

    def __init__(self, launch: Launch) -> None:
        super().__init__(auto_requeue=False)
        self._launch = launch

    @property
    def main_address(self) -> str:
        """The first node of the step, or what MASTER_ADDR names."""
        nodes = os.environ.get("SLURM_STEP_NODELIST", os.environ.get("SLURM_NODELIST", "127.0.0.1"))
        return os.environ.setdefault("MASTER_ADDR", self.resolve_root_node_address(nodes))

    @property
    def main_port(self) -> int:
        """A port that other steps of the job and the jobs beside it do not use, or what MASTER_PORT names."""
        step = {"SLURM_JOB_ID": "0", "SLURM_STEP_ID": "0", **os.environ}
        own = step_port(number_in(step, "SLURM_JOB_ID"), number_in(step, "SLURM_STEP_ID"))
        os.environ.setdefault("MASTER_PORT", str(own))
        return number_in(os.environ, "MASTER_PORT")

    def world_size(self) -> int:
        """Return the number of processes."""
        return self._launch.processes

    def global_rank(self) -> int:
        """Return the number of this process among all."""
        return self._launch.rank

    def local_rank(self) -> int:
        """Return the number of this process on its node."""
        return self._launch.local_rank

    def validate_settings(self, num_devices: int, num_nodes: int) -> None:
        """Accept what Fabric is given: it comes from the same launch."""

    @staticmethod
    def _validate_srun_used() -> None:
        pass

    @staticmethod
    def _validate_srun_variables() -> None:
        pass


def step_port(job: int, step: int) -> int:
    """Return the port at which the processes of a step of a job meet; each knows both numbers.

    >>> step_port(4242, 0), step_port(4242, 1), step_port(4243, 0)
    (23442, 23443, 23543)
    """
    return _FIRST_PORT + (job * _STEPS + step) % _PORTS
