"""The steps of a run: batches in, weights changed, rows and checkpoints written."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data import ImageSet, ImageSets
from nearsight.errors import InputError
from nearsight.models import Classifier
from nearsight.tiles import cut_tiles
from nearsight.training.batches import (
    Batch,
    StreamedTiles,
    memory_batches,
    resized_pixels,
    streamed_batches,
)
from nearsight.training.checkpoint import Progress, TrainingState, save_checkpoint
from nearsight.training.interruption import Interrupted, Interruption
from nearsight.training.machine import Machine
from nearsight.training.metrics_log import MetricsLog, MetricsRow
from nearsight.training.optimizers import set_rates
from nearsight.training.order import generator
from nearsight.training.precision import PrecisionChoice
from nearsight.training.recipe import Recipe
from nearsight.training.reporter import Reporter, Tick

if TYPE_CHECKING:
    from lightning_fabric import Fabric

ROWS_PER_RUN = 200
TICK_SECONDS = 0.5
VALIDATION_IMAGES = 2000
VALIDATION_BATCH = 500


@dataclass(frozen=True)
class Session:
    """All that the steps of one run need."""

    recipe: Recipe
    sets: ImageSets
    size: tuple[int, int]
    steps: int
    classifier: Classifier
    state: TrainingState
    choice: PrecisionChoice
    out: Path
    machine: Machine
    fabric: "Fabric"
    reporter: Reporter


def run_steps(session: Session, start: Progress) -> float:
    """Run the steps after `start` to the end, and return the seconds spent on steps, earlier ones included.

    Writes a row of metrics a few hundred times a run and a checkpoint every `machine.checkpoint_seconds`.
    Raises `InputError` when the loss is no longer finite, `Interrupted` after a signal, with the checkpoint
    written.
    """
    recipe, state, fabric = session.recipe, session.state, session.fabric
    network, *optimizers = _set_up(session)
    weights = class_weights(session.sets["train"], recipe, fabric.device)
    own_generators = torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else [])
    with own_generators, Interruption() as interruption, _open_records(session, start) as records:
        network.train()
        for step, batch in enumerate(_batches(session, start.step), start.step):
            set_rates(state.optimizers, recipe, step, session.steps)
            _seed_network(session, step)
            _step(session, network, optimizers, batch, weights, step)
            done, problem = step + 1, None
            if records is not None:
                try:
                    records.keep(done)
                except InputError as error:
                    problem = error
            # All processes stop at the same step, so that none waits for another; the first one says why.
            if _any_process(fabric, interruption.asked or problem is not None):
                if problem is not None:
                    raise problem
                if records is None:
                    raise SystemExit(0)
                records.save(done)
                raise Interrupted(
                    f"interrupted after step {done} of {session.steps}; "
                    f"--resume continues from the checkpoint in {session.out}"
                )
        return start.seconds if records is None else records.clock.seconds


def _set_up(session: Session) -> list[Any]:
    network: Any = session.classifier.network
    if session.recipe.compile:
        network = _compiled(session)
    wrapped = session.fabric.setup(network, *session.state.optimizers)
    return list(wrapped)


def _compiled(session: Session) -> Any:
    network = session.classifier.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    device = session.fabric.device
    sample = torch.zeros(session.recipe.batch_size, 3, *session.size, device=device)
    try:
        compiled = torch.compile(network)
        with session.fabric.autocast():
            compiled(sample.to(memory_format=torch.channels_last)).float().sum().backward()
    except Exception as error:  # the compiler raises errors of every kind; eager always works
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        session.reporter.say(f"torch.compile failed, running eager: {reason}")
        compiled = network
    network.zero_grad(set_to_none=True)
    network.load_state_dict(before)
    return compiled


def _step(
    session: Session,
    network: Any,
    optimizers: list[Any],
    batch: Batch,
    weights: Tensor | None,
    step: int,
) -> None:
    recipe, state, fabric = session.recipe, session.state, session.fabric
    images = session.classifier.preprocessing.normalise(batch.images.to(fabric.device, non_blocking=True))
    images = images.contiguous(memory_format=torch.channels_last)
    labels = batch.labels.to(fabric.device, non_blocking=True)
    parts = list(zip(images.chunk(recipe.accumulate), labels.chunk(recipe.accumulate), strict=True))
    for number, (part, wanted) in enumerate(parts, 1):
        with fabric.no_backward_sync(network, enabled=number < len(parts)):
            logits = network(part).float()
            loss = F.cross_entropy(logits, wanted, weight=weights, label_smoothing=recipe.label_smoothing)
            fabric.backward(loss * _share(wanted, labels, weights))
        _count(state.running, loss.detach(), logits.detach(), wanted, step)
    if recipe.clip is not None:
        # Fabric clips each optimizer's parameters apart; the norm meant is that of the whole gradient.
        groups = [group for optimizer in state.optimizers for group in optimizer.param_groups]
        trained = [parameter for group in groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if state.average is not None:
        state.average.update_parameters(session.classifier.network)  # type: ignore[operator]


def _seed_network(session: Session, step: int) -> None:
    # Networks with dropout or stochastic depth draw from the global generator.
    torch.manual_seed(
        generator(session.recipe.seed, f"network {session.fabric.global_rank}", step).initial_seed()
    )


def _share(part: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor | float:
    # The mean over a batch from the means over its parts: a weighted mean divides by its images' weights.
    if weights is None:
        return len(part) / len(labels)
    return weights[part].sum() / weights[labels].sum()


def _count(running: Tensor, loss: Tensor, logits: Tensor, labels: Tensor, step: int) -> None:
    # On the device without a synchronisation; the fourth place keeps the first step whose loss was bad.
    running[0] += loss.to(running.dtype) * len(labels)
    running[1] += (logits.argmax(1) == labels).sum()
    running[2] += len(labels)
    bad = ~torch.isfinite(loss) & (running[3] == 0)
    running[3] = torch.where(bad, step + 1.0, running[3])


@torch.no_grad()
def validation_accuracy(session: Session) -> float | None:
    """Return the accuracy on one central tile of each validation image, the whole image in the full arm.

    A quick sign of progress over at most 2,000 images, in [0, 1], higher is better; nothing is chosen by it.
    """
    if "val" not in session.sets:
        return None
    images, average = session.sets["val"], session.state.average
    network = session.classifier.network if average is None else average
    preprocessing, (height, width) = session.classifier.preprocessing, session.size
    count = min(len(images), VALIDATION_IMAGES)
    chosen = torch.linspace(0, len(images) - 1, count).long().tolist()
    training = network.training
    network.eval()
    right = 0
    for begin in range(0, count, VALIDATION_BATCH):
        rows = chosen[begin : begin + VALIDATION_BATCH]
        tiles = []
        for row in rows:
            image = preprocessing.resize(images.image(row))[None]
            top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
            where = torch.zeros(1, dtype=torch.int64)
            tiles.append(cut_tiles(image, where, where + top, where + left, (height, width)))
        batch = preprocessing.normalise(torch.cat(tiles).to(session.fabric.device))
        with session.fabric.autocast():
            logits = network(batch.contiguous(memory_format=torch.channels_last))
        right += int((logits.argmax(1).cpu() == torch.from_numpy(images.labels[rows])).sum())
    network.train(training)
    return right / count


def class_weights(images: ImageSet, recipe: Recipe, device: torch.device) -> Tensor | None:
    """Return the weight of each class in the loss, float (classes,), or None when all weigh the same.

    A balanced weight is images / (classes × images of the class), 0 for a class without images.
    """
    if recipe.class_weights == "none":
        return None
    counts = torch.bincount(torch.from_numpy(images.labels), minlength=len(images.classes))
    weights = len(images) / (len(images.classes) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 0.0).to(device, torch.float32)


def _batches(session: Session, start: int) -> Iterator[Batch]:
    images, recipe, fabric = session.sets["train"], session.recipe, session.fabric
    preprocessing = session.classifier.preprocessing
    rank, world = fabric.global_rank, fabric.world_size
    if images.pixels is not None:
        pixels = resized_pixels(images.pixels, preprocessing).to(fabric.device)
        labels = torch.from_numpy(images.labels).to(fabric.device)
        for batch in memory_batches(pixels, labels, recipe, session.size, start, session.steps):
            yield Batch(batch.images[rank::world], batch.labels[rank::world]) if world > 1 else batch
        return
    tiles = StreamedTiles(images, recipe, session.size, preprocessing)
    yield from streamed_batches(
        tiles, recipe.batch_size, start, session.steps, session.machine.decoding_workers(), rank, world
    )


def _any_process(fabric: "Fabric", asked: bool) -> bool:
    if fabric.world_size == 1:
        return asked
    return bool(fabric.strategy.reduce_boolean_decision(asked, all=False))


@contextmanager
def _open_records(session: Session, start: Progress) -> Iterator["_Records | None"]:
    if not session.fabric.is_global_zero:
        yield None
        return
    with MetricsLog(session.out, start.step) as log:
        yield _Records(session, log, start)


class _Records:
    """What the first process writes as the run goes: ticks, rows of metrics, checkpoints."""

    def __init__(self, session: Session, log: MetricsLog, start: Progress) -> None:
        self._session, self._log, self._last = session, log, start
        self._epoch_steps = max(1, len(session.sets["train"]) // session.recipe.batch_size)
        self._row_every = max(1, min(self._epoch_steps, session.steps // ROWS_PER_RUN))
        self.clock = _Clock(start.seconds, start.step, session)

    def keep(self, done: int) -> None:
        """Write what is due after a step; raises `InputError` when the loss or a weight is not finite."""
        last_step = done == self._session.steps
        if done % self._row_every == 0 or last_step:
            self._require_finite_loss()
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
            self._require_finite_loss()
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

    def _require_finite_loss(self) -> None:
        if step := int(self._session.state.running[3]):
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


class _Clock:
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
