"""The experiment in small."""

from pathlib import Path

from nearsight.progress import Progress, watched
from nearsight.settings.choices import DEMO_OUT
from nearsight.shortage import tells_of_memory
from nearsight.study import Comparison
from nearsight.verbs._compare import compare

DEMO_DATA = "scenes:shortcut=0"
DEMO_TILES = (16, 32, None)


@tells_of_memory("running the demo")
def demo(
    out: str | Path = DEMO_OUT,
    *,
    resume: bool = True,
    progress: Progress | bool = True,
) -> Comparison:
    """Compare tiles with whole images on the generated set `scenes`: under three minutes on two cores."""
    with watched(progress) as channel:
        channel.say("tiles against whole images on generated scenes; under three minutes on two cores")
        return compare(
            DEMO_DATA,
            tiles=DEMO_TILES,
            seeds=2,
            budget="pixels",
            recipe="fast",
            out=out,
            resume=resume,
            progress=channel,
            width=0.25,
            epochs=1,
            batch_size=100,
            learning_rate=0.06,
        )
