"""The steps of a run: batches in, weights changed, rows and checkpoints written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size
from nearsight.training.batches import Batch, StreamedTiles, resized_pixels, streamed_batches
from nearsight.training.checkpoint import Progress
from nearsight.training.interruption import Interrupted, Interruption
from nearsight.training.memory_tiles import MemoryTiles
from nearsight.training.metrics_log import MetricsLog
from nearsight.training.optimizers import set_rates
from nearsight.training.order import generator
from nearsight.training.records import Records
from nearsight.training.replay import Replay
from nearsight.training.session import Session
from nearsight.training.step import Step

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# A step, from the size of its tiles and the tensors that it is told by.
Work = Callable[..., None]


def run_steps(session: Session, start: Progress) -> float:
    """Run the steps after `start` to the end, and return the seconds spent on steps, earlier ones included.

    Writes a row of metrics a few hundred times a run and a checkpoint every `machine.checkpoint_seconds`.
    On one GPU the steps are replayed as a graph, where the recipe allows. Raises `InputError` when the loss is no
    longer finite, `Interrupted` after a signal, with the checkpoint written.
    """
    recipe, state, fabric = session.recipe, session.state, session.fabric
    network, *optimizers = _set_up(session)
    step = Step(session, network, optimizers, class_weights(session.sets["train"], recipe, fabric.device))
    own_generators = torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else [])
    with (
        own_generators,
        _own_stream(fabric.device),
        Interruption() as interruption,
        _open_records(session, start) as records,
    ):
        network.train()
        inputs, work = _work(session, step, start.step)
        if _can_be_replayed(session):
            work = Replay(work, session.reporter)
        for number, given in enumerate(inputs, start.step):
            set_rates(state.optimizers, recipe, number, session.steps)
            _seed_network(session, number)
            work(session.sizes.at(number), *given)
            done, problem = number + 1, None
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


def _seed_network(session: Session, step: int) -> None:
    # Networks with dropout or stochastic depth draw from the global generator.
    torch.manual_seed(
        generator(session.recipe.seed, f"network {session.fabric.global_rank}", step).initial_seed()
    )


def class_weights(images: ImageSet, recipe: Recipe, device: torch.device) -> Tensor | None:
    """Return the weight of each class in the loss, float (classes,), or None when all weigh the same.

    A balanced weight is images / (classes × images of the class), 0 for a class without images.
    """
    if recipe.class_weights == "none":
        return None
    counts = torch.bincount(torch.from_numpy(images.labels), minlength=len(images.classes))
    weights = len(images) / (len(images.classes) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 0.0).to(device, torch.float32)


def _work(session: Session, step: Step, start: int) -> tuple[Iterator[tuple[Tensor, ...]], Work]:
    """Return what tells each step from `start` on what to do, and the step that does it."""
    images, recipe, fabric = session.sets["train"], session.recipe, session.fabric
    preprocessing, sizes = session.classifier.preprocessing, session.sizes
    rank, world = fabric.global_rank, fabric.world_size
    if images.pixels is None:
        streamed = StreamedTiles(images, recipe, sizes, preprocessing)
        workers = session.machine.decoding_workers()
        batches = streamed_batches(streamed, recipe.batch_size, start, session.steps, workers, rank, world)
        return (
            (
                batch.tiles.to(fabric.device, non_blocking=True),
                batch.labels.to(fabric.device, non_blocking=True),
            )
            for batch in batches
        ), lambda _size, tiles, labels: step(Batch(tiles, labels))
    pixels = resized_pixels(images.pixels, preprocessing).to(fabric.device)
    tiles = MemoryTiles(pixels, torch.from_numpy(images.labels).to(fabric.device), recipe, sizes)

    def cut_and_step(size: Size, drawn: Tensor) -> None:
        batch = tiles.cut(drawn, size)
        step(Batch(batch.tiles[rank::world], batch.labels[rank::world]) if world > 1 else batch)

    return ((drawn,) for drawn in tiles.draws(start, session.steps)), cut_and_step


def _can_be_replayed(session: Session) -> bool:
    # An average of the weights asks the device whether it is its first, processes wait for each other, and whether
    # a compiled network can be captured has not been tried.
    fabric, recipe = session.fabric, session.recipe
    plain = recipe.ema is None and not recipe.compile
    return fabric.device.type == "cuda" and fabric.world_size == 1 and plain


@contextmanager
def _own_stream(device: torch.device) -> Iterator[None]:
    # What is captured as a graph, and what ran before it, must be on one stream, and not the default one.
    if device.type != "cuda":
        yield
        return
    outside, own = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    own.wait_stream(outside)
    with torch.cuda.stream(own):
        yield
    outside.wait_stream(own)


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
