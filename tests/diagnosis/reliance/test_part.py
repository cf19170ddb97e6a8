"""The part `reliance`: what is told of regions that are not what they seem."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from tests.diagnosis.conftest import Shades

from nearsight import load
from nearsight.diagnosis import diagnose
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing


def encoded(pixels: np.ndarray, form: str = "PNG") -> dict[str, object]:
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return {"bytes": buffer.getvalue(), "path": None}


SQUARE = np.zeros((16, 16), np.uint8)
SQUARE[4:12, 4:12] = 255
VOID = np.where(SQUARE > 0, 1, 0).astype(np.uint8)
VOID[3, 3:13] = VOID[12, 3:13] = 255


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("box", [0.25, 0.25, 0.75, 0.75], "boxes are read as x0, y0, x1, y1 as shares of the image"),
        ("mask", encoded(SQUARE, "JPEG"), "masks show the object where their grey is above"),
        ("mask", encoded(VOID), "masks show the object where they are not 0 and not 255, which is void"),
    ],
)
def test_how_boxes_and_masks_are_read_stands_among_the_notes(
    column: str, value: object, told: str, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [encoded(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)) for _ in range(24)]
    kind = cell if column == "mask" else None
    columns = {
        "image": pa.array(images, cell),
        "label": [i % 2 for i in range(24)],
        column: pa.array([value] * 24, kind),
    }
    parquet.write_table(pa.table(columns), tmp_path / "train.parquet")
    seen = load(tmp_path / "train.parquet", validation=0)["train"]
    half = (0.5, 0.5, 0.5)
    network = Classifier(
        Shades(2), Architecture("shades", 2), seen.classes, 8, Preprocessing(half, half)
    ).eval()
    found = diagnose(TiledModel(network, stride=8), seen, parts=["reliance"])["reliance"]
    assert any(note.startswith(told) for note in found.notes), found.notes
    # The object is a quarter of the image, whatever it is drawn with.
    assert found.overall.off_area.value == pytest.approx(0.75, abs=0.01)
