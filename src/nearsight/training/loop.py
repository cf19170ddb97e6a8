"""The steps of a run: batches in, weights changed, rows and checkpoints written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.settings import Recipe
from nearsight.training.batches import (
    Batch,
    StreamedTiles,
    memory_batches,
    resized_pixels,
    streamed_batches,
)
from nearsight.training.checkpoint import Progress
from nearsight.training.interruption import Interrupted, Interruption
from nearsight.training.metrics_log import MetricsLog
from nearsight.training.optimizers import set_rates
from nearsight.training.order import generator
from nearsight.training.records import Records
from nearsight.training.session import Session

if TYPE_CHECKING:
    from lightning_fabric import Fabric


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
    tiles = session.recipe.batch_size * session.recipe.tiles_per_image
    try:
        compiled = torch.compile(network)
        for _, size in session.sizes.spans(session.steps):
            sample = torch.zeros(tiles, 3, *size, device=session.fabric.device)
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
    tiles = batch.tiles.to(fabric.device, non_blocking=True)
    labels = batch.labels.to(fabric.device, non_blocking=True)
    parts = list(zip(tiles.chunk(recipe.accumulate), labels.chunk(recipe.accumulate), strict=True))
    for number, (part, wanted) in enumerate(parts, 1):
        images = session.classifier.preprocessing.normalise(part.flatten(0, 1))
        images = images.contiguous(memory_format=torch.channels_last)
        with fabric.no_backward_sync(network, enabled=number < len(parts)):
            logits = network(images).float().unflatten(0, part.shape[:2]).mean(1)
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
        for batch in memory_batches(pixels, labels, recipe, session.sizes, start, session.steps):
            yield Batch(batch.tiles[rank::world], batch.labels[rank::world]) if world > 1 else batch
        return
    tiles = StreamedTiles(images, recipe, session.sizes, preprocessing)
    yield from streamed_batches(
        tiles, recipe.batch_size, start, session.steps, session.machine.decoding_workers(), rank, world
    )


def _any_process(fabric: "Fabric", asked: bool) -> bool:
    if fabric.world_size == 1:
        return asked
    return bool(fabric.strategy.reduce_boolean_decision(asked, all=False))


@contextmanager
def _open_records(session: Session, start: Progress) -> Iterator[Records | None]:
    if not session.fabric.is_global_zero:
        yield None
        return
    with MetricsLog(session.out, start.step) as log:
        yield Records(session, log, start)
