"""The experiment in small."""

from pathlib import Path

from nearsight.study import Comparison
from nearsight.training import Reporter
from nearsight.verbs._compare import compare
from nearsight.verbs.sources import Count

DEMO_DATA = "scenes:shortcut=0"
DEMO_TILES = (16, 32, None)


def demo(
    out: str | Path = "nearsight-demo",
    *,
    resume: bool = True,
    reporter: Reporter | None = None,
    progress: Count | None = None,
) -> Comparison:
    """Compare tiles with whole images on the generated set `scenes`: under three minutes on two cores."""
    return compare(
        DEMO_DATA,
        tiles=DEMO_TILES,
        seeds=2,
        budget="pixels",
        recipe="fast",
        out=out,
        resume=resume,
        reporter=reporter,
        progress=progress,
        width=0.25,
        epochs=1,
        batch_size=100,
        learning_rate=0.06,
    )
