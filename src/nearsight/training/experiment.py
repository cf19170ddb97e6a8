"""A run's rows, reported to the loggers that Fabric was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from nearsight.progress import Progress
    from nearsight.settings import Recipe


class Experiment:
    """Reports to the loggers of a run; if one fails, this is reported once, and training continues."""

    def __init__(self, fabric: "Fabric", progress: "Progress") -> None:
        self._loggers = list(fabric.loggers)
        self._progress = progress

    def add(self, values: dict[str, float], step: int) -> None:
        """Report the values of a step to every logger."""
        for logger in list(self._loggers):
            try:
                logger.log_metrics(values, step)
            except Exception as error:
                self._loggers.remove(logger)
                self._fail(logger, error)

    def end(self, status: str) -> None:
        """Report to every logger how the run ended: success, aborted or failed."""
        for logger in self._loggers:
            try:
                logger.finalize(status)
            except Exception as error:
                self._fail(logger, error)

    def _fail(self, logger: object, error: Exception) -> None:
        name = type(logger).__name__
        self._progress.warn(f"{name} takes no more rows: {error}; metrics.csv has them all")


@contextmanager
def begun_experiment(fabric: "Fabric", recipe: "Recipe", progress: "Progress") -> Iterator[Experiment]:
    """Begin a run with every logger of Fabric, and end it when the block ends; raises `InputError` if they refuse."""
    experiment = Experiment(fabric, progress)
    try:
        for logger in fabric.loggers:
            logger.log_hyperparams(asdict(recipe))
        yield experiment
    except BaseException as error:
        experiment.end("aborted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    experiment.end("success")
