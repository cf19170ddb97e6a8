"""What the tests of image sets share: an empty cache, and small sets written to disk."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import nearsight.data.scenes


@pytest.fixture(autouse=True)
def image_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give `datasets` an empty cache."""
    import datasets

    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.chdir(tmp_path)
    return cache


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw 16 scenes a split, as drawing all takes seconds."""
    draw = nearsight.data.scenes.draw_scenes
    monkeypatch.setattr(
        nearsight.data.scenes, "draw_scenes", lambda split, **options: draw(split, count=16, **options)
    )


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Return a maker of PNG files of noise, by seed and size."""

    def make(seed: int, height: int = 8, width: int = 8) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(_noise(seed, height, width)).save(buffer, "PNG")
        return buffer.getvalue()

    return make


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Return the pixels of `png`'s images, uint8 (3, height, width)."""
    return lambda seed, height=8, width=8: _noise(seed, height, width).transpose(2, 0, 1)


@pytest.fixture
def write_folder(tmp_path: Path) -> Callable[[Mapping[str, Sequence[bytes]]], Path]:
    """Return a writer of image folders: directories with the files that each is to hold."""

    def write(directories: Mapping[str, Sequence[bytes]], root: str = "photos") -> Path:
        for name, files in directories.items():
            (tmp_path / root / name).mkdir(parents=True)
            for k, content in enumerate(files):
                (tmp_path / root / name / f"{k}.png").write_bytes(content)
        return tmp_path / root

    return write


@pytest.fixture
def write_parquet(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of Parquet files in the Hugging Face image layout."""

    def write(
        name: str,
        images: Sequence[bytes | None],
        metadata: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> Path:
        stem = Path(name).stem
        cells = [{"bytes": image, "path": f"{stem}/{k}.png"} for k, image in enumerate(images)]
        layout = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table({"image": pa.array(cells, layout), **columns})
        table = table.replace_schema_metadata(
            {key: json.dumps(value) for key, value in (metadata or {}).items()}
        )
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        return path

    return write


def _noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
