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
from nearsight.training.checkpoint import Milestone
from nearsight.training.interruption import Interrupted, Interruption
from nearsight.training.job import Job
from nearsight.training.memory_tiles import MemoryTiles
from nearsight.training.metrics_log import MetricsLog
from nearsight.training.optimizers import set_rates
from nearsight.training.order import generator
from nearsight.training.records import Records
from nearsight.training.replay import Replay
from nearsight.training.step import Step

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# A step, from the size of its tiles and the tensors that it is told by.
Work = Callable[..., None]


def run_steps(job: Job, start: Milestone) -> float:
    """Run the steps after `start` to the end, and return the seconds spent on steps, earlier ones included.

    Writes a row of metrics a few hundred times a run and a checkpoint every `machine.checkpoint_seconds`.
    On one GPU the steps are replayed as a graph, where the recipe allows. Raises `InputError` when the loss is no
    longer finite, `Interrupted` after a signal, with the checkpoint written.
    """
    recipe, state, fabric = job.recipe, job.state, job.fabric
    network, *optimizers = _set_up(job)
    step = Step(job, network, optimizers, class_weights(job.sets["train"], recipe, fabric.device))
    own_generators = torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else [])
    with (
        own_generators,
        _own_stream(fabric.device),
        Interruption() as interruption,
        _open_records(job, start) as records,
    ):
        network.train()
        inputs, work = _work(job, step, start.step)
        if _can_be_replayed(job):
            work = Replay(work, job.progress)
        for number, given in enumerate(inputs, start.step):
            set_rates(state.optimizers, recipe, number, job.steps)
            _seed_network(job, number)
            work(job.sizes.at(number), *given)
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
                    f"interrupted after step {done} of {job.steps}; "
                    f"`resume=True` continues from the checkpoint in {job.out}"
                )
        return start.seconds if records is None else records.clock.seconds


def _set_up(job: Job) -> list[Any]:
    network: Any = job.classifier.network
    if job.recipe.compile:
        network = _compiled(job)
    wrapped = job.fabric.setup(network, *job.state.optimizers)
    return list(wrapped)


def _compiled(job: Job) -> Any:
    network = job.classifier.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tiles = job.recipe.batch_size * job.recipe.tiles_per_image
    try:
        compiled = torch.compile(network)
        for _, size in job.sizes.spans(job.steps):
            sample = torch.zeros(tiles, 3, *size, device=job.fabric.device)
            with job.fabric.autocast():
                compiled(sample.to(memory_format=torch.channels_last)).float().sum().backward()
    except Exception as error:  # the compiler raises errors of every kind; eager always works
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        job.progress.warn(f"torch.compile failed, running eager: {reason}")
        compiled = network
    network.zero_grad(set_to_none=True)
    network.load_state_dict(before)
    return compiled


def _seed_network(job: Job, step: int) -> None:
    # Networks with dropout or stochastic depth draw from the global generator.
    torch.manual_seed(generator(job.recipe.seed, f"network {job.fabric.global_rank}", step).initial_seed())


def class_weights(images: ImageSet, recipe: Recipe, device: torch.device) -> Tensor | None:
    """Return the weight of each class in the loss, float (classes,), or None when all weigh the same.

    A balanced weight is images / (classes × images of the class), 0 for a class without images.
    """
    if recipe.class_weights == "none":
        return None
    counts = torch.bincount(torch.from_numpy(images.labels), minlength=len(images.classes))
    weights = len(images) / (len(images.classes) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, 0.0).to(device, torch.float32)


def _work(job: Job, step: Step, start: int) -> tuple[Iterator[tuple[Tensor, ...]], Work]:
    """Return what tells each step from `start` on what to do, and the step that does it."""
    images, recipe, fabric = job.sets["train"], job.recipe, job.fabric
    preprocessing, sizes = job.classifier.preprocessing, job.sizes
    rank, world = fabric.global_rank, fabric.world_size
    if images.pixels is None:
        streamed = StreamedTiles(images, recipe, sizes, preprocessing)
        workers = job.machine.decoding_workers()
        batches = streamed_batches(streamed, recipe.batch_size, start, job.steps, workers, rank, world)
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

    return ((drawn,) for drawn in tiles.draws(start, job.steps)), cut_and_step


def _can_be_replayed(job: Job) -> bool:
    # An average of the weights asks the device whether it is its first, processes wait for each other, and whether
    # a compiled network can be captured has not been tried.
    fabric, recipe = job.fabric, job.recipe
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
def _open_records(job: Job, start: Milestone) -> Iterator[Records | None]:
    if not job.fabric.is_global_zero:
        yield None
        return
    with MetricsLog(job.out, start.step) as log:
        yield Records(job, log, start)
