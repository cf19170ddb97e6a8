"""Check the files of a directory."""

from pathlib import Path

from nearsight.report import Verified, verify_files


def verify(directory: str | Path) -> Verified:
    """Check every file that is read back below a directory: whole, damaged, missing, or without a digest.

    >>> import nearsight
    >>> found = nearsight.verify("runs/first")  # doctest: +SKIP
    >>> found.damaged  # doctest: +SKIP
    ()

    `directory` is what any command wrote: a run, a comparison, a cross-validation, a diagnosis, a repair, heatmaps, a
    dimension, or a directory of several. Nothing is changed, and no network is built. Raises `InputError` where there
    is nothing of ours; what is damaged is in the result.
    """
    return verify_files(Path(directory))
