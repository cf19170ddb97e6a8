"""Check the files of a directory."""

from pathlib import Path

from nearsight.arguments import checked
from nearsight.progress import Progress, watched
from nearsight.report import Verified, verify_files


@checked
def verify(directory: str | Path, *, progress: Progress | bool = True) -> Verified:
    """Check every file below a directory that Nearsight reads back: whole, damaged, missing, or without a digest.

    >>> import nearsight
    >>> nearsight.verify("docs/results/dimension/cifar10", progress=False).damaged
    ()

    `directory` was written by any command: a run, a comparison, a cross-validation, a diagnosis, a repair,
    heatmaps, a dimension, or a directory that contains several. Nothing is changed, and no network is built.
    `progress=False` shows nothing; a `Progress` object gets the messages instead. Raises `InputError` if there is
    nothing of Nearsight's; what is damaged is in the result.
    """
    with watched(progress) as channel:
        return verify_files(Path(directory), channel)
