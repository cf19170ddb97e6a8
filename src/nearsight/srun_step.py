"""The processes of one `srun`, as Fabric asks for them."""

import os

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

from nearsight.launch import Launch


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
