"""An image is known again by its path in the set and by its content, wherever the set lies."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nearsight.data import load
from nearsight.data.identity import digests


def test_paths_are_relative_and_digests_are_of_the_files(
    write_folder: Callable[..., Path], png: Callable[..., bytes], tmp_path: Path
) -> None:
    files = {name: [png(k + 10 * ord(name)) for k in range(6)] for name in "ab"}
    root = write_folder(files, "pets")
    moved = shutil.copytree(root, tmp_path / "elsewhere" / "animals")
    here, there = load(root, validation=0), load(moved, validation=0)
    for split in here:
        assert here[split].identity.paths == there[split].identity.paths
        np.testing.assert_array_equal(here[split].identity.digests, there[split].identity.digests)
    paths = [path for images in here.values() for path in images.identity.paths]
    assert all(path is not None and not path.startswith("/") and path[0] in "ab" for path in paths)
    content = [(root / str(path)).read_bytes() for path in here["train"].identity.paths]
    np.testing.assert_array_equal(here["train"].identity.digests, digests(content))


def test_images_held_in_memory_are_known_by_their_pixels() -> None:
    sets = load("digits")
    assert set(sets["test"].identity.paths) == {None}
    twice = np.concatenate(
        [digests([image.numpy().tobytes()]) for image in map(sets["test"].image, range(len(sets["test"])))]
    )
    np.testing.assert_array_equal(twice, sets["test"].identity.digests)
    chosen = np.array([3, 1])
    np.testing.assert_array_equal(sets["test"].select(chosen).identity.digests, twice[chosen])
