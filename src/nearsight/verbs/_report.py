"""Draw again what a directory of results can show."""

from pathlib import Path
from typing import SupportsFloat

from nearsight.arguments import checked
from nearsight.launch import in_one_process
from nearsight.report import redraw
from nearsight.shortage import tells_of_memory
from nearsight.study import checked_margin


@tells_of_memory("drawing")
@in_one_process
@checked
def report(
    directory: str | Path, *, out: str | Path | None = None, margin: SupportsFloat | None = None
) -> list[Path]:
    """Draw the pages and figures of a directory of results again, from its files, and return their paths.

    >>> import tempfile
    >>> [path.name for path in report("docs/results/dimension/cifar10", out=tempfile.mkdtemp())]
    ['report.html', 'dimension.md', 'dimension.png', 'dimension.svg']

    `directory` was written by `train`, `compare`, `diagnose`, `dimension`, `heatmap` or `repair`, also of an older
    version. Neither the data set nor a model is needed. Pages and figures go to `out`, by default to the directory
    itself. `margin`, in points, asks a comparison whether its tiles are good enough, as `compare` does, without
    training anything. Raises `InputError` if there are no results, and for files that are damaged or of a newer
    version.
    """
    return redraw(Path(directory), Path(directory if out is None else out), checked_margin(margin))
