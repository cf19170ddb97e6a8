"""Generated photographs: JPEGs in Parquet shards, in the Hugging Face image layout."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHARDS = 10
CLASSES = 100
TEST_IMAGES = 200
HEIGHT, WIDTH = 400, 500
# Every fourth is upright, as in ImageNet; images of several sizes stream however few there are.
UPRIGHT_EVERY = 4
ROW_GROUP = 100
_FIELD_SIDE = 1024
_FIELDS = 6


@dataclass(frozen=True)
class Generated:
    """A set on disk and its tenth: a directory of Parquet shards for each."""

    whole: Path
    tenth: Path
    images: int

    def bytes(self) -> int:
        """Return the size of the training shards of the whole set."""
        return sum(shard.stat().st_size for shard in self.whole.glob("train-*.parquet"))


def generate(directory: Path, images: int, processes: int) -> Generated:
    """Make a set of `images` training images, a multiple of ten, or use the existing one.

    Each image is two crops of random colour fields of 1/f amplitude blended in random shares and tinted by
    class, at a JPEG quality of 70 to 88: all differ, and take 30 to 60 kB. The tenth is the first of ten shards.
    """
    whole, tenth = directory / f"images-{images}", directory / f"images-{images // SHARDS}-of-{images}"
    for place in (whole, tenth):
        place.mkdir(parents=True, exist_ok=True)
    shards = [(whole / f"train-{k:05}-of-{SHARDS:05}.parquet", k, images // SHARDS) for k in range(SHARDS)]
    shards.append((whole / "test.parquet", SHARDS, TEST_IMAGES))
    missing = [shard for shard in shards if not shard[0].exists()]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_write_shard, *zip(*missing, strict=True))) if missing else None
    for shard, name in ((shards[0][0], "train.parquet"), (shards[-1][0], "test.parquet")):
        (tenth / name).unlink(missing_ok=True)
        os.link(shard, tenth / name)
    return Generated(whole, tenth, images)


def _write_shard(path: Path, seed: int, images: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()})
    names = b"[%s]" % b", ".join(b'"class %d"' % k for k in range(CLASSES))
    part = path.with_suffix(".part")
    # JPEG does not compress further, and no two cells are equal.
    writer = pq.ParquetWriter(
        part, schema.with_metadata({"class_names": names}), compression="none", use_dictionary=False
    )
    with writer:
        rows: list[dict[str, object]] = []
        for number, (file, label) in enumerate(_photographs(seed, images)):
            cell = {"bytes": file, "path": f"{path.stem}-{number:06}.jpg"}
            rows.append({"image": cell, "label": label})
            if len(rows) == ROW_GROUP or number == images - 1:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows = []
    part.replace(path)


def _photographs(seed: int, images: int) -> Iterator[tuple[bytes, int]]:
    rng = np.random.default_rng(seed)
    fields = [_colour_field(rng, slope) for slope in np.linspace(1.1, 1.4, _FIELDS)]
    crop = partial(_crop, rng)
    for number in range(images):
        label = number % CLASSES
        first, second = rng.choice(_FIELDS, 2, replace=False)
        image = Image.blend(crop(fields[first]), crop(fields[second]), rng.uniform(0.1, 0.5))
        tint = Image.new("RGB", image.size, _tint(label))
        image = Image.blend(image, tint, 0.15)
        if number % UPRIGHT_EVERY == UPRIGHT_EVERY - 1:
            image = image.transpose(Image.Transpose.ROTATE_90)
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(70, 89)))
        yield buffer.getvalue(), label


def _colour_field(rng: np.random.Generator, slope: float) -> Image.Image:
    """Draw a random field whose amplitude falls as 1/f**slope, brightness stronger than colour."""
    rows, columns = np.fft.fftfreq(_FIELD_SIDE)[:, None], np.fft.rfftfreq(_FIELD_SIDE)[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf

    def plane() -> NDArray[np.float64]:
        phases = rng.normal(size=(2, *frequency.shape))
        values = np.fft.irfft2((phases[0] + 1j * phases[1]) / frequency**slope, (_FIELD_SIDE, _FIELD_SIDE))
        return np.asarray(values / values.std())

    light, red, blue = plane(), plane(), plane()
    colours = np.stack([light + 0.3 * red, light, light + 0.3 * blue], axis=-1)
    return Image.fromarray((127 + 55 * colours).clip(0, 255).astype(np.uint8))


def _crop(rng: np.random.Generator, field: Image.Image) -> Image.Image:
    left, top = int(rng.integers(_FIELD_SIDE - WIDTH + 1)), int(rng.integers(_FIELD_SIDE - HEIGHT + 1))
    return field.crop((left, top, left + WIDTH, top + HEIGHT))


def _tint(label: int) -> tuple[int, int, int]:
    return label * 37 % 256, label * 91 % 256, label * 151 % 256
