"""What is asked of tiles goes with a tile."""

from pathlib import Path

import pytest

import nearsight
from nearsight.errors import InputError


def test_a_stride_for_a_run_of_whole_images_is_refused_and_not_ignored(tmp_path: Path) -> None:
    run = nearsight.train(
        "digits", recipe="fast", tile=None, steps=1, width=0.1, out=tmp_path / "run", progress=False
    )
    with pytest.raises(
        InputError, match=r"`stride` is of tiles, .* give a `tile` too, or leave `stride` out"
    ):
        nearsight.evaluate(run, stride=1, progress=False)
    with pytest.raises(InputError, match="`grid` is of tiles"):
        nearsight.evaluate(run, grid="aligned", progress=False)
    found = nearsight.evaluate(run, tile=4, stride=4, out=tmp_path / "tiles", progress=False)
    assert found.settings["stride"] == 4
    assert "mean-logit" in found.metrics


def test_a_stride_where_whole_images_are_trained_on_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`stride` is of tiles, and whole images are trained on"):
        nearsight.train("digits", recipe="fast", tile=None, stride=2, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
