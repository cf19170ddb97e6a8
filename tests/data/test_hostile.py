"""Hostile input, drawn by the study that makes it: images and sets are read, or refused in one line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.hostile.images import BOMBS, HEAVY, hostile_image
from studies.hostile.large import MEMORY, hostile_large
from studies.hostile.sets import hostile_set

from nearsight.data.decode import decode_image, image_size
from nearsight.data.drawn_masks import look_at_mask
from nearsight.data.file_facts import _read
from nearsight.data.labels import find_labels
from nearsight.data.large_image import large_image
from nearsight.data.parquet import read_parquet
from nearsight.data.placement import read_placement
from nearsight.data.tree import read_tree
from nearsight.data.values import values_from
from nearsight.errors import InputError

SEEDS = st.integers(0, 2**32)


@pytest.fixture(autouse=True, scope="module")
def little_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEARSIGHT_DECODE_MEMORY", "64M")
        yield


@contextlib.contextmanager
def one_line_at_most() -> Iterator[None]:
    told = ""
    try:
        yield
    except InputError as error:
        told = str(error)
    assert "\n" not in told


def read_or_refuse(content: bytes) -> None:
    for read in (decode_image, image_size, lambda file: look_at_mask(file, 8, 8)):
        with one_line_at_most(), values_from((0, 255)):
            read(content)
    _read(content)
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "image"
        file.write_bytes(content)
        with one_line_at_most(), values_from((0, 255)):
            large = large_image(file)
            if large is not None:
                next(large.parts())


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS)
def test_images_are_read_or_refused(seed: int) -> None:
    content, _ = hostile_image(Random(seed), heavy=False)
    read_or_refuse(content)


@pytest.mark.parametrize("name", sorted(set(BOMBS) - HEAVY))
def test_bombs_are_refused(name: str) -> None:
    read_or_refuse(BOMBS[name]())


@pytest.mark.usefixtures("image_cache")
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_parquet_is_read_or_refused(seed: int) -> None:
    with TemporaryDirectory() as scratch:
        place, _ = hostile_set(Path(scratch), "parquet", Random(seed))
        with one_line_at_most():
            tables, _ = read_parquet(place)
            find_labels("hostile", tables)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_directories_are_walked_or_refused(seed: int) -> None:
    with TemporaryDirectory() as scratch, contextlib.suppress(InputError):
        place, _ = hostile_set(Path(scratch), "folder", Random(seed))
        assert len(list(read_tree(place).walk())) < 1000


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_pictures_that_are_read_in_parts_are_read_or_refused(seed: int) -> None:
    pytest.importorskip("pyvips")
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        for name, size in MEMORY.items():
            patch.setenv(name, size)
        picture, _ = hostile_large(Path(scratch), Random(seed))
        read_placement(picture)
        with one_line_at_most(), values_from((0, 255)):
            large = large_image(picture)
            if large is not None:
                for _ in large.parts():
                    pass
                large.tiles([(large.height - 4, large.width - 4), (0, 0)], (4, 4))
