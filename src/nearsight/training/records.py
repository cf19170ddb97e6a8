"""What a run writes as it trains: ticks, rows of metrics, checkpoints."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.training.checkpoint import Milestone, save_checkpoint
from nearsight.training.experiment import Experiment
from nearsight.training.job import Job
from nearsight.training.metrics_log import MetricsLog, MetricsRow, kept_rows
from nearsight.training.optimizers import rate_at
from nearsight.training.step import first_bad_step

ROWS_PER_RUN = 200
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Tick:
    """The state of a run at one step; loss and accuracy are means since the last row of its metrics."""

    step: int
    epoch: float
    loss: float
    accuracy: float
    images_per_second: float

    def words(self) -> str:
        return (
            f"epoch {self.epoch:.1f}  loss {self.loss:.3f}  training accuracy {self.accuracy:.1%}  "
            f"{self.images_per_second:,.0f} images/s"
        )


@dataclass(frozen=True)
class _Sums:
    """The sums of the steps up to one of them, once they have arrived from the device."""

    done: int
    values: Tensor
    arrived: torch.cuda.Event | None

    @classmethod
    def of(cls, done: int, running: Tensor) -> "_Sums":
        """Copy the sums of a step, which may change again at once, without waiting for them."""
        if not running.is_cuda:
            return cls(done, running.clone(), None)
        values = torch.empty(running.shape, dtype=running.dtype, pin_memory=True)
        values.copy_(running, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        return cls(done, values, arrived)

    def ready(self) -> bool:
        return self.arrived is None or bool(self.arrived.query())  # type: ignore[no-untyped-call]

    def read(self) -> list[float]:
        if self.arrived is not None:
            self.arrived.synchronize()
        return [float(value) for value in self.values]


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def validation_due(job: Job, done: int) -> bool:
    """Say whether a run is validated after a step: at the first row of each epoch, and at the end.

    All its processes know it, which share the work.
    """
    if "val" not in job.sets:
        return False
    return done == job.steps or (done % _row_every(job) == 0 and done % _epoch_steps(job) < _row_every(job))


def _epoch_steps(job: Job) -> int:
    return max(1, len(job.material.images) // job.recipe.batch_size)


def _row_every(job: Job) -> int:
    return max(1, min(_epoch_steps(job), job.steps // ROWS_PER_RUN))


class Records:
    """What the first process writes as the run trains: ticks, rows of metrics, checkpoints.

    A row is written when its sums have arrived from the device, so that no step waits for one.
    """

    def __init__(self, job: Job, log: MetricsLog, experiment: Experiment, start: Milestone) -> None:
        self._job, self._log, self._experiment, self._last = job, log, experiment, start
        self._coming: deque[_Sums] = deque()
        # A mask may be infinite from the start.
        network = job.classifier.network
        self._infinite = {name for name, value in network.named_buffers() if not _is_finite(value)}
        self.clock = Clock(start.seconds, start.step, job)

    def keep(self, done: int, validated: float | None) -> None:
        """Write what is due after a step; `validated` is the accuracy of the validation, None if none was due.

        Raises `InputError` if the loss or a weight is not finite.
        """
        last_step = done == self._job.steps
        if done % _row_every(self._job) == 0 or last_step:
            running = self._job.state.running
            sums = _Sums.of(done, running)
            running.zero_()
            if last_step or validated is not None:
                self._write_rows(wait=True)
                self._write_row(sums, validated)
            else:
                self._coming.append(sums)
                self._write_rows()
        elif self.clock.tick_due():
            self._tick(_Sums.of(done, self._job.state.running))
        if last_step:
            self._require_finite_weights(done)
        if self.clock.checkpoint_due():
            self.save(done)

    def save(self, done: int) -> None:
        """Write a checkpoint, unless that of this step exists; raises `InputError` if a value is not finite."""
        if done == self._last.step:
            # A second one would replace the one before it.
            return
        self._write_rows(wait=True)
        with self.clock.paused():
            self._finite(_Sums.of(done, self._job.state.running))
            self._require_finite_weights(done)
            milestone = replace(
                self._last, step=done, seconds=self.clock.seconds, metrics=kept_rows(self._job.out)
            )
            save_checkpoint(self._job.out, self._job.state, milestone)
            self._log.keep()
            self._last = milestone
            self.clock.checkpoint_written()

    def _write_rows(self, wait: bool = False) -> None:
        """Write the rows whose sums have arrived, or wait for all of them."""
        while self._coming and (wait or self._coming[0].ready()):
            self._write_row(self._coming.popleft(), None)

    def _require_finite_weights(self, done: int) -> None:
        # The loss of a step is that of the weights before it, so a finite loss does not prove that the weights
        # after it are.
        networks = [self._job.classifier.network]
        if self._job.state.average is not None:
            networks.append(cast(nn.Module, self._job.state.average.module))
        weights = chain.from_iterable(network.state_dict().items() for network in networks)
        if not all(_is_finite(value) for name, value in weights if name not in self._infinite):
            raise self._diverged("a weight", done)

    def _finite(self, sums: _Sums) -> list[float]:
        values = sums.read()
        images = self._job.recipe.batch_size // self._job.fabric.world_size
        if step := first_bad_step(values, sums.done, images):
            raise self._diverged("the loss", step)
        return values

    def _diverged(self, what: str, step: int) -> InputError:
        out, last = self._job.out, self._last.step
        kept = (
            f"the last good checkpoint, of step {last}, is in {out}"
            if last
            else "no checkpoint had been written"
        )
        return InputError(
            f"{what} became NaN or infinite at step {step}; {kept}; try a smaller `learning_rate` "
            f"(now {self._job.recipe.learning_rate:g}), `clip=1`, `warmup=0.1`, or `precision='float32'`, "
            "with another `out`"
        )

    def _tick(self, sums: _Sums) -> Tick:
        tick = self.clock.tick(sums.done, sums.read())
        self._job.progress.count("training", tick.step, self._job.steps, tick.words())
        return tick

    def _write_row(self, sums: _Sums, validated: float | None) -> None:
        self._finite(sums)
        tick = self._tick(sums)
        job = self._job
        group = job.state.optimizers[0].param_groups[0]
        with self.clock.paused():
            row = MetricsRow(
                step=tick.step,
                epoch=tick.epoch,
                loss=tick.loss,
                accuracy=tick.accuracy,
                learning_rate=rate_at(group, job.recipe, tick.step - 1, job.steps),
                val_accuracy=validated,
                images_per_second=tick.images_per_second,
                seconds=self.clock.seconds,
            )
            self._log.add(row)
            self._experiment.add(row.curves(), row.step)


class Clock:
    """The seconds of the steps, without validation and checkpoints, and what is due by time."""

    def __init__(self, seconds: float, step: int, job: Job) -> None:
        self._job, self._before, self._first = job, seconds, step
        self._begun = self._checkpointed = self._ticked = time.monotonic()
        self._idle = 0.0

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._begun - self._idle

    def checkpoint_due(self) -> bool:
        return time.monotonic() - self._checkpointed >= self._job.machine.checkpoint_seconds

    def checkpoint_written(self) -> None:
        self._checkpointed = time.monotonic()

    def tick_due(self) -> bool:
        return time.monotonic() - self._ticked >= TICK_SECONDS

    @contextmanager
    def paused(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self._idle += time.monotonic() - begun

    def tick(self, done: int, sums: list[float]) -> Tick:
        self._ticked = time.monotonic()
        loss, right, images, _ = sums
        spent = max(self.seconds - self._before, 1e-9)
        rate = (done - self._first) / spent
        recipe = self._job.recipe
        return Tick(
            step=done,
            epoch=done * recipe.batch_size / len(self._job.material.images),
            loss=loss / max(images, 1),
            accuracy=right / max(images, 1),
            images_per_second=rate * recipe.batch_size,
        )
