"""What is asked of tiles goes with a tile."""

from pathlib import Path
from typing import Any

import pytest

import nearsight
from nearsight.errors import InputError
from nearsight.models import Classifier
from nearsight.verbs.binding import Binding


def test_a_stride_for_a_run_of_whole_images_is_refused_and_not_ignored(tmp_path: Path) -> None:
    run = nearsight.train(
        "digits", recipe="fast", tile=None, steps=1, width=0.1, out=tmp_path / "run", progress=False
    )
    with pytest.raises(
        InputError, match=r"`stride` needs tiles, .* give a `tile` too, or leave `stride` out"
    ):
        nearsight.evaluate(run, stride=1, progress=False)
    with pytest.raises(InputError, match="`grid` needs tiles"):
        nearsight.evaluate(run, grid="aligned", progress=False)
    found = nearsight.evaluate(run, tile=4, stride=4, out=tmp_path / "tiles", progress=False)
    assert found.settings["stride"] == 4
    assert "mean-logit" in found.metrics


def test_a_stride_where_whole_images_are_trained_on_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`stride` needs tiles, and this trains on whole images"):
        nearsight.train("digits", recipe="fast", tile=None, stride=2, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("asked", [{}, {"pooling": "max"}])
def test_a_number_of_tiles_that_nothing_takes_is_refused_and_not_ignored(asked: dict[str, Any]) -> None:
    classifier = Classifier.of(lambda tiles: tiles.mean((2, 3)), classes=["r", "g", "b"], tile=4)
    with pytest.raises(InputError, match=r"`top_k` is for the pooling 'top-k', .* leave `top_k` out"):
        Binding(top_k=3, **asked).bind(classifier, protocols=["mean-logit"])
    assert Binding(top_k=3, **asked).bind(classifier, protocols=["top-k"]).pooling.top_k == 3
    assert Binding(top_k=3, pooling="top-k").bind(classifier).pooling.count(9) == 3
