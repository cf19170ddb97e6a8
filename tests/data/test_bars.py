"""Bars of the libraries that read data: drawn, or not at all."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearsight.data import load
from nearsight.data.bars import without_bars


def test_reading_is_shown_unless_it_is_switched_off(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(12):
        place = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(place)
    monkeypatch.chdir(tmp_path)
    load("photos", progress=False)
    assert capfd.readouterr() == ("", "")
    (tmp_path / "photos" / "a" / "0.png").touch()
    load("photos")
    told = capfd.readouterr()
    # This is no terminal: there are no strokes of a bar in a log.
    assert (told.out, "%|" in told.err) == ("", False)


def test_the_libraries_keep_their_setting() -> None:
    import datasets
    from huggingface_hub import utils as hub

    before = datasets.are_progress_bars_disabled(), hub.are_progress_bars_disabled()
    with without_bars():
        assert datasets.are_progress_bars_disabled()
        assert hub.are_progress_bars_disabled()
    assert (datasets.are_progress_bars_disabled(), hub.are_progress_bars_disabled()) == before
    datasets.disable_progress_bars()
    with without_bars():
        pass
    assert datasets.are_progress_bars_disabled()
    datasets.enable_progress_bars()
