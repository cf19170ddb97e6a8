"""Changed images as the classifier is asked about them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import nearsight
from nearsight.data.stored import as_stored
from nearsight.diagnosis.verdicts.interventions import changed


@pytest.mark.parametrize(("kind", "compressed"), [("JPEG", True), ("PNG", False)])
def test_a_changed_image_is_stored_as_its_file_is(tmp_path, kind: str, compressed: bool) -> None:
    """A classifier of photographs may go by what compression leaves of a shortcut, which an edit alone lacks."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "test" / name).mkdir(parents=True)
        for i in range(2):
            picture = Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
            picture.save(tmp_path / "test" / name / f"{i}.{kind.lower()}", kind, quality=60)
    images = nearsight.load(tmp_path, progress=False)["test"]
    seen: Any = SimpleNamespace(images=images)
    places = []

    def darker(image: torch.Tensor, place: int) -> torch.Tensor:
        places.append(place)
        return image // 2

    made = changed(seen, darker)(3)
    assert places == [3]
    assert torch.equal(made, as_stored(images, 3, images.image(3) // 2))
    assert torch.equal(made, images.image(3) // 2) != compressed
