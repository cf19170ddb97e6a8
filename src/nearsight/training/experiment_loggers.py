"""Weights & Biases and MLflow as loggers of Fabric, which has none of its own for them."""

import os
import re
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger

from nearsight.errors import InputError
from nearsight.runs import write_text
from nearsight.settings.machine import LoggerName

PROJECT = "nearsight"
_ID = re.compile(r"[\w-]{1,64}")
# How a run ended, in MLflow's words and as an exit code.
_ENDS = {"success": ("FINISHED", 0), "aborted": ("KILLED", 130), "failed": ("FAILED", 1)}


class WandbLogger(Logger):
    """A run of Weights & Biases; `wandb login` or WANDB_MODE=offline decides where, WANDB_PROJECT the project.

    >>> WandbLogger(Path("runs/digits")).name
    'nearsight'

    The id is kept in the run's directory, so that a resumed run continues in the same place. Raises `InputError`
    if Weights & Biases refuses to begin.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._run: Any = None

    @property
    def name(self) -> str:
        """The project."""
        return os.environ.get("WANDB_PROJECT", PROJECT)

    @property
    def version(self) -> str | None:
        """The id of the run, None before it has begun."""
        return None if self._run is None else str(self._run.id)

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Begin the run, or continue it."""
        import wandb

        try:
            self._run = wandb.init(
                project=self.name,
                name=_title(self._directory),
                id=_kept_id(self._directory, "wandb"),
                resume="allow",
                dir=str(self._directory),
                config=dict(params),
                settings=wandb.Settings(silent=True),
            )
        except Exception as error:
            raise _refused("wandb", error) from None
        _keep_id(self._directory, "wandb", self._run.id)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record the values of one step."""
        self._run.log(metrics, step=step)

    def finalize(self, status: str) -> None:
        """End the run as a success, aborted, or failed."""
        if self._run is not None:
            self._run.finish(exit_code=_ENDS[status][1])


class MlflowLogger(Logger):
    """A run of MLflow; MLFLOW_TRACKING_URI decides where it goes, MLFLOW_EXPERIMENT_NAME the experiment.

    >>> MlflowLogger(Path("runs/digits")).version is None
    True

    The id is kept in the run's directory, so that a resumed run continues in the same place. Raises `InputError`
    if MLflow refuses to begin.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._client: Any = None
        self._id: str | None = None

    @property
    def name(self) -> str:
        """The experiment."""
        return os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)

    @property
    def version(self) -> str | None:
        """The id of the run, None before it has begun."""
        return self._id

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Begin the run, or continue it."""
        from mlflow import MlflowClient

        try:
            client = MlflowClient()
            kept = _kept_id(self._directory, "mlflow")
            if kept is None:
                found = client.get_experiment_by_name(self.name)
                experiment = client.create_experiment(self.name) if found is None else found.experiment_id
                self._id = str(client.create_run(experiment, run_name=_title(self._directory)).info.run_id)
                for name, value in dict(params).items():
                    client.log_param(self._id, name, value)
            else:
                client.update_run(kept, status="RUNNING")
                self._id = kept
        except Exception as error:
            raise _refused("mlflow", error) from None
        self._client = client
        _keep_id(self._directory, "mlflow", self._id)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record the values of one step."""
        for name, value in metrics.items():
            self._client.log_metric(self._id, name, value, step=step)

    def finalize(self, status: str) -> None:
        """End the run as a success, aborted, or failed."""
        if self._client is not None:
            self._client.set_terminated(self._id, _ENDS[status][0])


LOGGERS: dict[LoggerName, type[WandbLogger | MlflowLogger]] = {"wandb": WandbLogger, "mlflow": MlflowLogger}


def _title(directory: Path) -> str:
    """Name a run of a comparison by its arm and seed, any other by its directory.

    >>> _title(Path("comparisons/digits/runs/tile-4/seed-0")), _title(Path("runs/digits"))
    ('tile-4/seed-0', 'digits')
    """
    last = directory.absolute().parts[-2:]
    return "/".join(last) if re.fullmatch(r"(seed|fold)-\d+", last[-1]) else last[-1]


def _kept_id(directory: Path, service: LoggerName) -> str | None:
    path = directory / f"{service}-id.txt"
    kept = path.read_text(encoding="utf-8", errors="replace")[:100].strip() if path.is_file() else ""
    return kept if _ID.fullmatch(kept) else None


def _keep_id(directory: Path, service: LoggerName, identity: str) -> None:
    write_text(directory / f"{service}-id.txt", f"{identity}\n")


def _refused(service: LoggerName, error: Exception) -> InputError:
    return InputError(f"{service} cannot record this run: {error}; mend that, or leave it out of `log`")
