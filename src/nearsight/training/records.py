"""What a run writes as it goes: ticks, rows of metrics, checkpoints."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.training.checkpoint import Progress, save_checkpoint
from nearsight.training.metrics_log import MetricsLog, MetricsRow
from nearsight.training.reporter import Tick
from nearsight.training.session import Session
from nearsight.training.step import first_bad_step
from nearsight.training.validation import validation_accuracy

ROWS_PER_RUN = 200
TICK_SECONDS = 0.5


class Records:
    """What the first process writes as the run goes: ticks, rows of metrics, checkpoints."""

    def __init__(self, session: Session, log: MetricsLog, start: Progress) -> None:
        self._session, self._log, self._last = session, log, start
        self._epoch_steps = max(1, len(session.sets["train"]) // session.recipe.batch_size)
        self._row_every = max(1, min(self._epoch_steps, session.steps // ROWS_PER_RUN))
        self.clock = Clock(start.seconds, start.step, session)

    def keep(self, done: int) -> None:
        """Write what is due after a step; raises `InputError` when the loss or a weight is not finite."""
        last_step = done == self._session.steps
        if done % self._row_every == 0 or last_step:
            self._require_finite_loss(done)
            tick = self._tick(done)
            with self.clock.paused():
                self._add_row(tick, validate=done % self._epoch_steps < self._row_every or last_step)
        elif self.clock.tick_due():
            self._tick(done)
        if last_step:
            self._require_finite_weights(done)
        if self.clock.checkpoint_due():
            self.save(done)

    def save(self, done: int) -> None:
        """Write a checkpoint; raises `InputError` rather than one that is not finite."""
        with self.clock.paused():
            self._require_finite_loss(done)
            self._require_finite_weights(done)
            choice = self._session.choice
            progress = Progress(done, self.clock.seconds, choice.precision, choice.reason)
            save_checkpoint(self._session.out, self._session.state, progress)
            self._last = progress
            self.clock.checkpoint_written()

    def _require_finite_weights(self, done: int) -> None:
        # The loss of a step is that of the weights before it, so a finite one does not vouch for those after.
        values = self._session.classifier.network.state_dict().values()
        if not all(bool(torch.isfinite(value).all()) for value in values):
            raise self._diverged("a weight", done)

    def _require_finite_loss(self, done: int) -> None:
        images = self._session.recipe.batch_size // self._session.fabric.world_size
        if step := first_bad_step(self._session.state.running, done, images):
            raise self._diverged("the loss", step)

    def _diverged(self, what: str, step: int) -> InputError:
        out, last = self._session.out, self._last.step
        kept = (
            f"the last good checkpoint, of step {last}, is in {out}"
            if last
            else "no checkpoint had been written"
        )
        return InputError(
            f"{what} became NaN or infinite at step {step}; {kept}; try a smaller --learning-rate "
            f"(now {self._session.recipe.learning_rate:g}), --clip 1, --warmup 0.1, or --precision float32, "
            "with another --out"
        )

    def _tick(self, done: int) -> Tick:
        tick = self.clock.tick(done, self._session.state.running)
        self._session.reporter.tick(tick)
        return tick

    def _add_row(self, tick: Tick, validate: bool) -> None:
        state = self._session.state
        self._log.add(
            MetricsRow(
                step=tick.step,
                epoch=tick.epoch,
                loss=tick.loss,
                accuracy=tick.accuracy,
                learning_rate=float(state.optimizers[0].param_groups[0]["lr"]),
                val_accuracy=validation_accuracy(self._session) if validate else None,
                images_per_second=tick.images_per_second,
                seconds=self.clock.seconds,
            )
        )
        state.running.zero_()


class Clock:
    """The seconds of the steps, without validation and checkpoints, and what is due by time."""

    def __init__(self, seconds: float, step: int, session: Session) -> None:
        self._session, self._before, self._first = session, seconds, step
        self._begun = self._checkpointed = self._ticked = time.monotonic()
        self._idle = 0.0

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._begun - self._idle

    def checkpoint_due(self) -> bool:
        return time.monotonic() - self._checkpointed >= self._session.machine.checkpoint_seconds

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

    def tick(self, done: int, running: Tensor) -> Tick:
        self._ticked = time.monotonic()
        loss, right, images, _ = running.tolist()
        spent = max(self.seconds - self._before, 1e-9)
        rate = (done - self._first) / spent
        recipe, steps = self._session.recipe, self._session.steps
        return Tick(
            step=done,
            steps=steps,
            epoch=done * recipe.batch_size / len(self._session.sets["train"]),
            loss=loss / max(images, 1),
            accuracy=right / max(images, 1),
            images_per_second=rate * recipe.batch_size,
            seconds_left=(steps - done) / rate,
        )
