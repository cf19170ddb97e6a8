"""Pictures: one or several, of every form, each with a name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nearsight.data import to_pixels
from nearsight.data.pictures import named_pictures
from nearsight.errors import InputError

ARRAY = np.arange(2 * 5 * 4 * 3, dtype=np.uint8).reshape(2, 5, 4, 3)
TENSOR = torch.from_numpy(ARRAY.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize(
    ("images", "count"),
    [
        (ARRAY, 2),
        (TENSOR, 2),
        (ARRAY[0], 1),
        (TENSOR[0], 1),
        (Image.fromarray(ARRAY[0]), 1),
        ([Image.fromarray(ARRAY[0]), TENSOR[1]], 2),
        (tuple(ARRAY), 2),
    ],
)
def test_one_and_several_of_every_form(images: Any, count: int) -> None:
    found = named_pictures(images)
    assert [name for name, _ in found] == [f"image-{i}" for i in range(count)]
    assert all(to_pixels(image).equal(TENSOR[i]) for i, (_, image) in enumerate(found))


def test_a_directory_stands_for_its_files(tmp_path: Path) -> None:
    for name in ("b/2.png", "a.png", "b/.hidden.png", "Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(ARRAY[0]).save(tmp_path / name, "PNG")
    files = [str(tmp_path / "a.png"), str(tmp_path / "b" / "2.png")]
    assert [name for name, _ in named_pictures(tmp_path)] == files
    assert [name for name, _ in named_pictures([str(tmp_path), files[0]])] == [*files, files[0]]
    assert named_pictures(files[0]) == [(files[0], files[0])]


def test_nothing_is_refused(tmp_path: Path) -> None:
    for nothing in ([], tmp_path, torch.zeros(0, 3, 4, 4)):
        with pytest.raises(InputError, match="no image was given; give at least one file"):
            named_pictures(nothing)
