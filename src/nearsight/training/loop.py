"""The steps of a run: batches in, weights changed, rows and checkpoints written."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from nearsight.errors import InputError
from nearsight.training.checkpoint import Milestone
from nearsight.training.experiment import begun_experiment
from nearsight.training.interruption import Interrupted, Interruption
from nearsight.training.job import Job
from nearsight.training.metrics_log import MetricsLog
from nearsight.training.optimizers import set_rates
from nearsight.training.order import generator
from nearsight.training.records import Records, validation_due
from nearsight.training.replay import Replay
from nearsight.training.step import Step
from nearsight.training.stop_vote import StopVote
from nearsight.training.validation import validation_accuracy


def run_steps(job: Job, start: Milestone) -> float:
    """Run the steps from `start` to the end, and return the seconds spent on steps, including earlier ones.

    Writes a row of metrics a few hundred times per run and a checkpoint every `machine.checkpoint_seconds`. On
    one GPU the steps are replayed as a graph, if the recipe allows it. Raises `InputError` if the loss is no
    longer finite, and `Interrupted` after a signal, with the checkpoint written.
    """
    recipe, state, fabric = job.recipe, job.state, job.fabric
    network, *optimizers = _set_up(job)
    own_generators = torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else [])
    with (
        own_generators,
        _own_stream(fabric.device),
        Interruption() as interruption,
        _open_records(job, start) as records,
    ):
        network.train()
        step = Step(job, network, optimizers)
        take = Replay(step, job.progress) if _can_be_replayed(job) else step
        vote, done = StopVote(fabric.world_size), start.step
        problem: InputError | None = None
        for number, inputs in enumerate(step.inputs(start.step), start.step):
            set_rates(state.optimizers, recipe, number, job.steps)
            _seed_network(job, number)
            take(job.sizes.at(number), *inputs)
            done = number + 1
            validated = _validated(job, done, records)
            if records is not None and problem is None:
                try:
                    records.keep(done, validated)
                except InputError as error:
                    problem = error
            if vote.cast(interruption.asked or problem is not None):
                raise _ended(job, done, records, interruption, problem)
        if vote.close():
            raise _ended(job, done, records, interruption, problem)
        return start.seconds if records is None else records.clock.seconds


def _ended(
    job: Job, done: int, records: Records | None, interruption: Interruption, problem: InputError | None
) -> BaseException:
    """Return what ends this process, after the checkpoint of a run that may continue; the first one says why."""
    if problem is not None:
        return problem
    if records is None:
        return SystemExit(0)
    records.save(done)
    return Interrupted(
        f"interrupted after step {done} of {job.steps}; `resume=True` continues from the checkpoint in {job.out}",
        interruption.number or signal.SIGINT,
    )


def _validated(job: Job, done: int, records: Records | None) -> float | None:
    """Validate after a step where that is due; the clock of the run stands still meanwhile."""
    if not validation_due(job, done):
        return None
    if job.fabric.device.type == "cuda":
        # The clock stops once the steps are done.
        torch.cuda.synchronize(job.fabric.device)
    with nullcontext() if records is None else records.clock.paused():
        return validation_accuracy(job)


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
        job.progress.warn(f"torch.compile failed, training without it: {reason}")
        compiled = network
    network.zero_grad(set_to_none=True)
    network.load_state_dict(before)
    return compiled


def _seed_network(job: Job, step: int) -> None:
    # Networks with dropout or stochastic depth draw from the global generator.
    torch.manual_seed(generator(job.recipe.seed, f"network {job.fabric.global_rank}", step).initial_seed())


def _can_be_replayed(job: Job) -> bool:
    # An average of the weights asks the device whether it is its first update, processes wait for each other, and
    # we have not tried whether a compiled network can be captured.
    fabric, recipe = job.fabric, job.recipe
    plain = recipe.ema is None and not recipe.compile
    return fabric.device.type == "cuda" and fabric.world_size == 1 and plain


@contextmanager
def _own_stream(device: torch.device) -> Iterator[None]:
    # What is captured as a graph, and what ran before it, must be on one stream, which is not the default one.
    if device.type != "cuda":
        yield
        return
    outside, own = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    own.wait_stream(outside)
    with torch.cuda.stream(own):
        yield
    outside.wait_stream(own)


@contextmanager
def _open_records(job: Job, start: Milestone) -> Iterator[Records | None]:
    if not job.fabric.is_global_zero:
        yield None
        return
    with (
        MetricsLog(job.out, start.step) as log,
        begun_experiment(job.fabric, job.recipe, job.progress) as experiment,
    ):
        yield Records(job, log, experiment, start)
