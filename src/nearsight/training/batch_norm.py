"""BatchNorm in a training with several processes: of the whole batch, or of each process's part of it."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nearsight.errors import InputError
from nearsight.progress import Progress

# What result.json says about it.
WHOLE_BATCH, OWN_PART = "whole batch", "each process's part of the batch"


def choose_batch_norm(
    network: nn.Module, asked: bool | None, device: str, processes: int, progress: Progress
) -> str | None:
    """Return the images from which BatchNorm takes its statistics, and say if this changes what is learned.

    >>> from nearsight.progress import SILENT
    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    >>> choose_batch_norm(network, None, "cuda", 4, SILENT), choose_batch_norm(network, None, "cuda", 1, SILENT)
    ('whole batch', None)

    `asked` is `Machine.sync_batch_norm`: None means the whole batch if PyTorch can do this, on GPUs. `device` is
    the kind of device. Returns None for one process, and for a network without BatchNorm, because nothing
    differs. Raises `InputError` if the whole batch is requested but not possible.
    """
    if processes == 1 or not any(isinstance(module, _BatchNorm) for module in network.modules()):
        return None
    if asked is not False and device == "cuda":
        return WHOLE_BATCH
    if asked:
        raise InputError(
            f"`sync_batch_norm` needs GPUs: on {device} PyTorch has no BatchNorm over several processes; leave it out"
        )
    progress.say(
        f"BatchNorm takes its statistics from {OWN_PART}, so that the number of processes, {processes}, changes a "
        "little what is learned"
    )
    return OWN_PART


def over_processes(network: nn.Module) -> None:
    """Make all BatchNorm of a network use the whole batch, in place; weights and their names stay the same.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    >>> names = list(network.state_dict())
    >>> over_processes(network)
    >>> type(network[1]).__name__, list(network.state_dict()) == names
    ('SyncBatchNorm', True)
    """
    from timm.layers.norm_act import convert_sync_batchnorm

    for name, child in network.named_children():
        network.add_module(name, convert_sync_batchnorm(child))  # type: ignore[no-untyped-call]
