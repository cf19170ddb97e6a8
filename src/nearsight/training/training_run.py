"""From a recipe and a set to a trained run."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import nn

from nearsight.data import ImageSet, ImageSets
from nearsight.data.reduced_images import reduced_large
from nearsight.data.split_list import LISTING
from nearsight.digest import BESIDE
from nearsight.errors import InputError
from nearsight.launch import Launch
from nearsight.lock import writes
from nearsight.models import Classifier, Preprocessing, save_classifier
from nearsight.models.classifier import Network
from nearsight.numbers import counted
from nearsight.progress import SAID_SECONDS, SILENT, Progress, duration
from nearsight.progress.shortening import way_to_shorten
from nearsight.runs import CHECKPOINT, RECIPE, RESULT, Run, write_json
from nearsight.runs.run import DIGESTS
from nearsight.schema import numbered
from nearsight.settings import Machine, Recipe
from nearsight.settings.tile_schedule import Size, tile_sizes
from nearsight.shortage import told_of_memory
from nearsight.together import Processes, all_processes, connect, environment_of, told_of_lost_processes
from nearsight.training.average import WeightAverage
from nearsight.training.batch_norm import WHOLE_BATCH, choose_batch_norm, over_processes
from nearsight.training.batches import training_size
from nearsight.training.checkpoint import (
    Checkpoint,
    Milestone,
    TrainingState,
    check_same_run,
    keep_as_newest,
    read_checkpoint,
    restore,
)
from nearsight.training.cost import count_flops, count_optimizer_flops, peak_memory, reset_peak_memory
from nearsight.training.directory import OF_A_RUN, check_same_range, claim_directory, own_split
from nearsight.training.hardware import trained_here
from nearsight.training.job import Job
from nearsight.training.layout import lay_out
from nearsight.training.loop import run_steps
from nearsight.training.material import Material, check_material, fingerprint
from nearsight.training.metrics_log import METRICS, check_rows, kept_rows
from nearsight.training.objective import first_group_weights
from nearsight.training.optimizers import build_optimizers
from nearsight.training.precision import PrecisionChoice, choose_precision
from nearsight.training.prepare import (
    begin_classifier,
    build_classifier,
    check_smallest_part,
    held_images,
    sample_tiles,
)
from nearsight.training.step_time import seconds_of_step
from nearsight.write import seals_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# The check of bfloat16 runs on this many images of 32×32, or on fewer larger ones with as many pixels.
PRECISION_CHECK_IMAGES, PRECISION_CHECK_LEAST = 128, 16


@writes("out")
def train(
    recipe: Recipe,
    sets: ImageSets,
    out: Path,
    *,
    network: Network | None = None,
    begin: Classifier | None = None,
    material: Material | None = None,
    resume: bool = False,
    followed: Callable[[Classifier], float] | None = None,
    machine: Machine | None = None,
    progress: Progress = SILENT,
) -> Run:
    """Train a network by a recipe on the set's `train` split and leave a whole run in the directory `out`.

    >>> import tempfile
    >>> from dataclasses import replace
    >>> from nearsight.data import load
    >>> from nearsight.settings import RECIPES
    >>> recipe = replace(RECIPES["fast"], data="digits", tile=8, steps=2, width=0.1)
    >>> train(recipe, load("digits"), Path(tempfile.mkdtemp()) / "run").result["training"]["steps"]
    2

    `network` is one of your own, which the recipe only names. `begin` is a classifier from whose weights training
    starts, with its own architecture and preprocessing; `pretrained` is then ignored, and `whiten` says that the
    whitening layer stays as it is. `material` is trained on instead of the `train` split, which is listed all the
    same. With `resume`, a run of this very recipe in `out`, started with the same weights and material, continues
    from its checkpoint. On a CPU it ends with the same weights, bit for bit, as a run that was never interrupted.
    The recipe's seed fixes everything. `followed` returns how many seconds the caller will evaluate such a
    classifier afterwards; `progress` is told before training begins, with the time of training itself.

    Raises `InputError` if `out` holds something else, the tile does not fit, the recipe cannot be trained on the
    material, or the loss is no longer finite; `ShortOfMemoryError` if memory does not suffice, with what to
    lower; `Interrupted` after SIGINT, SIGTERM or SIGHUP, with the checkpoint written.
    """
    lower = ("batch_size", "accumulate", *(("tiles_per_image",) if recipe.tiles_per_image > 1 else ()))
    machine = (machine or Machine()).launched()
    with (
        told_of_memory("training", *lower, "workers"),
        all_processes() as processes,
        told_of_lost_processes(machine.devices, "; the same command with `resume=True` continues the run"),
    ):
        return _train(
            recipe, sets, Path(out), network, begin, material, resume, followed, machine, processes, progress
        )


def _train(
    recipe: Recipe,
    sets: ImageSets,
    out: Path,
    network: Network | None,
    begin: Classifier | None,
    material: Material | None,
    resume: bool,
    followed: Callable[[Classifier], float] | None,
    machine: Machine,
    processes: Processes,
    progress: Progress,
) -> Run:
    device = machine.torch_device()
    if device.index is not None:
        # What names no GPU means this process's own, as soon as anything is computed.
        torch.cuda.set_device(device)
    _check_processes(recipe, machine, device, processes.launch.nodes)
    if begin is not None and network is not None:
        raise InputError("`network` and begin are both networks to train; give one of them")
    mark = ""
    if material is None:
        material = Material(sets["train"])
    else:
        check_material(material, recipe, machine.devices)
        mark = fingerprint(material)
    images = material.images
    if resume and (out / RESULT).is_file():
        if processes.first:
            claim_directory(out, recipe, resume)
        check_same_range(out, sets)
        progress.say(f"{out} is already finished")
        return Run.open(out)
    if begin is None:
        classifier, size = build_classifier(recipe, images, progress, network, processes)
    else:
        classifier, size = begin_classifier(begin, recipe, images, progress)
    material, sets = _held(material, sets, recipe, classifier.preprocessing, progress)
    images = material.images
    steps = total_steps(recipe, len(images))
    sizes = tile_sizes(recipe.tile_schedule, size, steps)
    if "val" in sets:
        _check_validation(sets["val"], recipe, size)
    for _, side in sizes.spans(steps):
        check_smallest_part(classifier.network, recipe, side, machine.devices)
    batch_norm = choose_batch_norm(
        classifier.network, machine.sync_batch_norm, device.type, machine.devices, progress
    )

    def claim() -> Checkpoint | None:
        claimed = claim_directory(out, recipe, resume, progress)
        milestone = None if claimed is None else claimed.milestone
        _check_same_material(out, milestone, mark)
        if milestone is not None:
            check_same_run(out, milestone)
            check_rows(out, milestone.step, milestone.metrics)
        own_split(out, sets)
        return claimed

    checkpoint = processes.first_does(claim)
    if not processes.first:
        checkpoint = read_checkpoint(out)
    milestone = None if checkpoint is None else checkpoint.milestone

    reset_peak_memory()
    network = classifier.network
    flops = {side: count_flops(network, side) for _, side in sizes.spans(steps)}
    optimizer_flops = steps * count_optimizer_flops(network, recipe)
    network.to(device)
    lay_out(network, size)
    choice = _precision(recipe, milestone, classifier, images, size, machine, progress)
    progress.say(f"precision {choice.precision}: {choice.reason}")
    if progress is not SILENT and milestone is None:
        seconds = steps * seconds_of_step(network, recipe, size, device, choice.dtype)
        if seconds > SAID_SECONDS:
            after = 0.0 if followed is None else followed(classifier)
            said = f", and the evaluation after it about {duration(after)}" if after > SAID_SECONDS else ""
            shorter = way_to_shorten("training", seconds)
            progress.say(f"training takes about {duration(seconds)}, {counted(steps, 'step')}{said}{shorter}")
    fabric = _launch(machine, processes.launch, choice, out)
    network.to(fabric.device)
    if batch_norm == WHOLE_BATCH:
        over_processes(network)
    state = _training_state(network, recipe, choice, material)
    if checkpoint is not None:
        checkpoint = restore(checkpoint, state, steps, progress)
        # No process may still be reading when one of the files moves.
        fabric.barrier()
        if fabric.is_global_zero:
            keep_as_newest(checkpoint)
        milestone = checkpoint.milestone
        # Its tensors are those of the state now.
        checkpoint = None
        progress.say(f"resuming {out} after step {milestone.step}")
    job = Job(recipe, sets, material, sizes, steps, classifier, state, choice, out, machine, fabric, progress)
    start = replace(
        milestone or Milestone(0, 0.0, choice.precision, choice.reason, mark),
        beside=seals_of(out, (RECIPE, LISTING)),
    )
    seconds = run_steps(job, start)

    if fabric.is_global_zero:
        if state.average is not None:
            network.load_state_dict(cast(nn.Module, state.average.module).state_dict())
        save_classifier(classifier, out)
        kept = {
            "training": _training_metrics(job, flops, optimizer_flops, seconds, batch_norm),
            DIGESTS: {METRICS: kept_rows(out)},
            BESIDE: seals_of(out, OF_A_RUN),
        }
        write_json(out / RESULT, numbered("result", kept))
        shutil.rmtree(out / CHECKPOINT, ignore_errors=True)
    fabric.barrier()
    return Run.open(out)


def _held(
    material: Material, sets: ImageSets, recipe: Recipe, preprocessing: Preprocessing, progress: Progress
) -> tuple[Material, ImageSets]:
    """Return what is trained and validated on, in which images that are too large to be held are reduced once."""
    images, note = held_images(material.images, recipe, preprocessing)
    splits = dict(sets.splits)
    notes = [note]
    if "val" in sets:
        splits["val"], note = reduced_large(sets["val"], preprocessing)
        notes.append(note)
    for note in notes:
        if note is not None:
            progress.say(note)
    return replace(material, images=images), replace(sets, splits=splits)


def total_steps(recipe: Recipe, images: int) -> int:
    """Return the optimizer steps of a run on a number of training images.

    >>> total_steps(Recipe(epochs=2, batch_size=128), images=50_000)
    782
    """
    if recipe.steps is not None:
        return recipe.steps
    return max(1, -(-round(recipe.epochs * images) // recipe.batch_size))


def _check_processes(recipe: Recipe, machine: Machine, device: torch.device, nodes: int) -> None:
    most = {"cuda": nodes * torch.cuda.device_count(), "mps": 1}.get(device.type, machine.devices)
    if machine.devices > most:
        raise InputError(
            f"devices must be at most {most}, as many as this machine has, got {machine.devices}"
        )
    if machine.devices < 1 or recipe.batch_size % machine.devices:
        raise InputError(
            f"devices must divide batch_size {recipe.batch_size}, got {machine.devices}; change either"
        )


def _check_same_material(out: Path, milestone: Milestone | None, mark: str) -> None:
    if milestone is not None and milestone.material != mark:
        raise InputError(
            f"{out} was begun on other images, silent tiles or groups than are given now; continue with those, "
            f"or choose another `out`"
        )


def _check_validation(images: ImageSet, recipe: Recipe, size: Size) -> None:
    found = training_size(images, recipe)
    if found != size:
        (height, width), (rows, columns) = size, found
        raise InputError(
            f"the val images of {images.name} are {rows}×{columns} and its train images {height}×{width}; "
            f"give `resize_short`, or a `tile`"
        )


def _precision(
    recipe: Recipe,
    milestone: Milestone | None,
    classifier: Classifier,
    images: ImageSet,
    size: Size,
    machine: Machine,
    progress: Progress,
) -> PrecisionChoice:
    if milestone is not None:
        kept: Literal["float32", "bfloat16"] = "bfloat16" if milestone.precision == "bfloat16" else "float32"
        return PrecisionChoice(kept, milestone.reason)
    fitting = PRECISION_CHECK_IMAGES * 32 * 32 // (size[0] * size[1])
    count = min(recipe.batch_size, PRECISION_CHECK_IMAGES, max(PRECISION_CHECK_LEAST, fitting))
    tiles = sample_tiles(images, count, recipe, size, classifier.preprocessing)
    device = next(classifier.network.parameters()).device
    batch = classifier.preprocessing.normalise(tiles.to(device))
    batch = batch.contiguous(memory_format=torch.channels_last)
    timed = machine.devices == 1
    return choose_precision(recipe.precision, classifier.network, batch, timed, progress)


def _launch(machine: Machine, launch: Launch, choice: PrecisionChoice, out: Path) -> "Fabric":
    from lightning_fabric import Fabric

    from nearsight.training.experiment_loggers import LOGGERS

    # It announces the precision and the processes in its own words; we have already done so in ours.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=machine.device,
        devices=_devices(machine, launch),
        num_nodes=launch.nodes,
        strategy="ddp" if machine.devices > 1 else "auto",
        plugins=[environment_of(launch)],
        precision="bf16-mixed" if choice.precision == "bfloat16" else "32-true",
        loggers=[LOGGERS[name](out) for name in machine.log],
    )
    connect(fabric)
    return fabric


def _devices(machine: Machine, launch: Launch) -> int | list[int]:
    """Return Fabric's argument for the devices of a node: their number, or the one of this process alone."""
    if launch.by is not None:
        return launch.on_node
    own = machine.torch_device().index
    return machine.devices if own is None else [own]


def _training_state(
    network: nn.Module, recipe: Recipe, choice: PrecisionChoice, material: Material
) -> TrainingState:
    average = None
    if recipe.ema is not None:
        average = WeightAverage(network, recipe.ema)
    device = next(network.parameters()).device
    # MPS has no float64.
    running = torch.zeros(4, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
    groups = None
    if material.groups is not None:
        groups = first_group_weights(torch.from_numpy(material.groups)).to(device)
    return TrainingState(network, build_optimizers(network, recipe, choice.dtype), average, running, groups)


def _training_metrics(
    job: Job, flops: dict[Size, int], optimizer_flops: int, seconds: float, batch_norm: str | None
) -> dict[str, Any]:
    """Return what the run cost; `flops` is that of one tile of each size, `optimizer_flops` that of all steps."""
    recipe, machine, choice = job.recipe, job.machine, job.choice
    seen = job.steps * recipe.batch_size
    spans = job.sizes.spans(job.steps)
    tiles_of_step = recipe.batch_size * recipe.tiles_per_image
    pixels = sum(steps * tiles_of_step * size[0] * size[1] for steps, size in spans)
    operations = optimizer_flops + sum(steps * tiles_of_step * flops[size] for steps, size in spans)
    images = len(job.material.images)
    device = job.fabric.device
    return {
        "images": images,
        "steps": job.steps,
        "epochs": seen / images,
        "images_seen": seen,
        "pixels_per_image": round(pixels / seen),
        "training_pixels": pixels,
        "flops_per_image": round(operations / seen),
        "flops": operations,
        "optimizer_flops": optimizer_flops,
        "seconds": seconds,
        "images_per_second": seen / seconds,
        "peak_memory_bytes": peak_memory(device),
        "precision": choice.precision,
        "precision_reason": choice.reason,
        "seed": recipe.seed,
        "parameters": sum(parameter.numel() for parameter in job.classifier.network.parameters()),
        **trained_here(device, machine.devices, batch_norm),
    }
