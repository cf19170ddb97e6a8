"""Material: silent tiles learn nothing, groups are weighed by a reference, and stopping changes no bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, ImageSets
from nearsight.data.split_list import Listing
from nearsight.errors import InputError
from nearsight.progress import Silent
from nearsight.settings import Machine, Recipe
from nearsight.training import Interrupted, Material, SilentTiles, train
from nearsight.training.material import check_material, fingerprint, places

CPU = Machine(device="cpu", workers=0)
Weights = Callable[[Path], dict[str, Tensor]]
Stream = Callable[[list[np.ndarray | bytes]], ImageSet]


def corners_of(images: ImageSet, chosen: float = 0.5, side: int = 5, seed: int = 0) -> SilentTiles:
    random = np.random.default_rng(seed)
    grids = [tuple(int(length) - side + 1 for length in size) for size in images.sizes]
    return SilentTiles(tuple(random.random(grid) < chosen for grid in grids), stride=1)


def groups_of(images: ImageSet) -> np.ndarray:
    return (images.labels + np.random.default_rng(0).integers(2, size=len(images)) * 3).astype(np.int64)


@pytest.fixture
def streamed(stream: Stream) -> ImageSets:
    """Return a set of 30 training images of two sizes, decoded where they are read."""
    random = np.random.default_rng(0)
    sizes = [(8, 8), (9, 7)]
    pixels: list[np.ndarray | bytes] = [
        random.integers(0, 128, (*sizes[i % 2], 3), dtype=np.uint8) + 60 * (i % 2) for i in range(30)
    ]
    return ImageSets("toy", {"train": stream(pixels)})


MATERIALS: dict[str, Callable[[ImageSet], Material]] = {
    "silent": lambda images: Material(images, silent=corners_of(images)),
    "groups": lambda images: Material(images, groups=groups_of(images)),
    "both": lambda images: Material(images, corners_of(images), groups_of(images)),
    "fewer images": lambda images: Material(images.select(np.arange(0, len(images), 2))),
}


@pytest.mark.parametrize(
    ("kind", "where"),
    [*((kind, "memory") for kind in MATERIALS), ("both", "streamed"), ("fewer images", "streamed")],
)
def test_a_run_stopped_on_any_material_ends_as_one_never_stopped(
    kind: str,
    where: str,
    sets: ImageSets,
    streamed: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    stop_at: Callable[..., Silent],
) -> None:
    whole = sets if where == "memory" else streamed
    recipe = replace(recipe, tile=5, steps=6, accumulate=2, class_weights="balanced", flip="random")
    material = MATERIALS[kind](whole["train"])
    train(recipe, whole, tmp_path / "whole", material=material, machine=CPU)
    with pytest.raises(Interrupted):
        train(recipe, whole, tmp_path / "run", material=material, machine=CPU, progress=stop_at(3))
    with pytest.raises(InputError, match="was begun on other images, silent tiles or groups"):
        train(recipe, whole, tmp_path / "run", resume=True, machine=CPU)
    run = train(recipe, whole, tmp_path / "run", material=material, resume=True, machine=CPU)
    ours, theirs = read_weights(tmp_path / "run"), read_weights(tmp_path / "whole")
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    listed = Listing.load(run.directory)
    assert listed is not None
    assert listed.count("train") == len(whole["train"])


def test_the_same_material_streamed_or_in_memory_marks_the_same_tiles(
    make_images: Callable[..., ImageSet], recipe: Recipe
) -> None:
    from nearsight.models import Preprocessing
    from nearsight.settings.tile_schedule import TileSizes
    from nearsight.training.batches import StreamedTiles, streamed_batches
    from nearsight.training.memory_tiles import MemoryTiles

    images = make_images(10)
    recipe = replace(recipe, tile=5, batch_size=10, flip="random")
    silent, groups = corners_of(images), groups_of(images)
    marks: dict[str, Any] = {"silent": silent, "groups": groups}
    plain = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    streamed = StreamedTiles(images, recipe, TileSizes((5, 5)), plain, **marks)
    assert images.pixels is not None
    memory = MemoryTiles(images.pixels, torch.from_numpy(images.labels), recipe, TileSizes((5, 5)), **marks)
    one = [memory.cut(drawn, (5, 5)) for drawn in memory.draws(0, 30)]
    for batches in (one, list(streamed_batches(streamed, 10, 0, 30, workers=0))):
        for batch in batches:
            assert batch.silent is not None
            assert batch.groups is not None
            for tile, says_nothing, group in zip(batch.tiles[:, 0], batch.silent, batch.groups, strict=True):
                found = [
                    (bool(silent.corners[i][top, left]), int(groups[i]))
                    for i in range(10)
                    for top in range(4)
                    for left in range(4)
                    for cut in [images.image(i)[:, top : top + 5, left : left + 5]]
                    if cut.equal(tile) or cut.flip(-1).equal(tile)
                ]
                assert found == [(bool(says_nothing), int(group))]


def test_a_network_whose_tiles_are_all_silent_says_nothing(
    sets: ImageSets, recipe: Recipe, tmp_path: Path
) -> None:
    recipe = replace(recipe, tile=5, steps=60, batch_size=24)
    material = Material(sets["train"], silent=corners_of(sets["train"], chosen=1.1))
    run = train(recipe, sets, tmp_path / "run", material=material, machine=CPU)
    classifier = run.classifier().eval()
    tiles = classifier.preprocessing.normalise(torch.stack([sets["val"].image(i) for i in range(12)]))
    with torch.no_grad():
        spread = classifier(tiles[:, :, :5, :5]).softmax(1)
    assert float((spread - 1 / 3).abs().max()) < 0.05


def test_images_of_the_worst_group_are_learned_at_the_cost_of_others(
    make_images: Callable[..., ImageSet], recipe: Recipe, tmp_path: Path
) -> None:
    images = make_images(40, classes=2)
    # The few images whose label says the opposite: only their group makes them count.
    turned = np.arange(40) < 4
    images = replace(images, labels=np.where(turned, 1 - images.labels, images.labels))
    sets = ImageSets("toy", {"train": images})
    recipe = replace(recipe, optimizer="sgd", model="resnet9", whiten=False, learning_rate=0.02, steps=40)
    losses = []
    for groups in (None, turned.astype(np.int64)):
        out = tmp_path / str(groups is None)
        run = train(recipe, sets, out, material=Material(images, groups=groups), machine=CPU)
        classifier = run.classifier().eval()
        with torch.no_grad():
            logits = classifier(classifier.preprocessing.normalise(images.pixels))
        wanted = torch.from_numpy(images.labels[turned])
        losses.append(float(torch.nn.functional.cross_entropy(logits[turned], wanted)))
    assert losses[1] < losses[0]


def test_groups_of_one_train_as_no_groups_do(sets: ImageSets, recipe: Recipe, tmp_path: Path) -> None:
    one = np.zeros(48, dtype=np.int64)
    recipe = replace(recipe, optimizer="sgd", model="resnet9", whiten=False, learning_rate=0.01)
    weights = [
        train(recipe, sets, tmp_path / str(k), material=Material(sets["train"], groups=groups), machine=CPU)
        .classifier()
        .network.state_dict()
        for k, groups in enumerate((None, one))
    ]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-5)


def test_training_begins_with_the_weights_that_it_is_given(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, read_weights: Weights, stop_at: Callable[..., Silent]
) -> None:
    old = train(recipe, sets, tmp_path / "old", machine=CPU)
    given = old.classifier()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    still = replace(recipe, optimizer="sgd", learning_rate=0.0, steps=1)
    same = train(still, sets, tmp_path / "same", begin=given, machine=CPU)
    trained = dict(same.classifier().network.named_parameters())
    assert all(trained[name].equal(value) for name, value in given.network.named_parameters())
    # The whitening layer was made of other images once; it is neither made again nor trained.
    darker = Material(replace(sets["train"], labels=sets["train"].labels[::-1].copy()))
    new = train(recipe, sets, tmp_path / "new", begin=given, material=darker, machine=CPU)
    assert read_weights(new.directory)["whiten.weight"].equal(before["network.whiten.weight"])
    assert not read_weights(new.directory)["head.weight"].equal(before["network.head.weight"])
    assert new.classifier().preprocessing == given.preprocessing
    assert all(given.state_dict()[name].equal(value) for name, value in before.items())

    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path / "run", begin=given, material=darker, machine=CPU, progress=stop_at(3))
    train(recipe, sets, tmp_path / "run", begin=given, material=darker, resume=True, machine=CPU)
    ours, theirs = read_weights(tmp_path / "run"), read_weights(tmp_path / "new")
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_what_cannot_be_begun_with_is_refused_and_nothing_is_written(
    sets: ImageSets, make_images: Callable[..., ImageSet], recipe: Recipe, tmp_path: Path
) -> None:
    given = train(replace(recipe, steps=1), sets, tmp_path / "old", machine=CPU).classifier()
    others = ImageSets("toy", {"train": make_images(12, classes=2)})
    with pytest.raises(InputError, match="begin tells class 0, class 1, class 2 apart"):
        train(recipe, others, tmp_path / "new", begin=given, machine=CPU)
    with pytest.raises(InputError, match="short side of None and resize_short is 16"):
        train(replace(recipe, resize_short=16), sets, tmp_path / "new", begin=given, machine=CPU)
    with pytest.raises(InputError, match="give one of them"):
        train(recipe, sets, tmp_path / "new", begin=given, network=nn.Flatten(), machine=CPU)
    assert not (tmp_path / "new").exists()


def test_materials_are_told_apart_by_all_that_they_hold(make_images: Callable[..., ImageSet]) -> None:
    images = make_images(40)
    kinds = [
        *(make(images) for make in MATERIALS.values()),
        Material(images),
        Material(make_images(40, seed=1)),
        Material(images, silent=corners_of(images, seed=1)),
        Material(images, silent=replace(corners_of(images), stride=2)),
        Material(images, groups=groups_of(images)[::-1].copy()),
    ]
    found = [fingerprint(kind) for kind in kinds]
    assert len(set(found)) == len(kinds)
    assert found == [fingerprint(kind) for kind in kinds]


@pytest.mark.parametrize(
    ("fields", "changes", "devices", "message"),
    [
        ({"groups": np.zeros(3, dtype=np.int64)}, {}, 1, "each of the 6 images its group, got 3"),
        ({"groups": np.arange(6) - 1}, {}, 1, "numbered from 0, got -1"),
        ({"groups": np.arange(6)}, {}, 2, "give `devices=1`"),
        ({"silent": 5}, {}, 1, "each of the 6 images, got 5"),
        ({"silent": 6}, {"tile": None}, 1, "only where a run is trained on tiles"),
        ({"silent": 6}, {"tile_schedule": "4@0.5"}, 1, "leave it out"),
        ({"silent": 6}, {"tiles_per_image": 2}, 1, "give `tiles_per_image=1`"),
        ({"silent": "uneven"}, {}, 1, "got 2 shapes of it"),
    ],
)
def test_a_material_that_cannot_be_trained_on_is_refused_in_one_line(
    fields: dict[str, Any],
    changes: dict[str, Any],
    devices: int,
    message: str,
    make_images: Callable[..., ImageSet],
) -> None:
    grids = [np.zeros((2, 2), dtype=np.bool_)] * 6
    if fields.get("silent") == "uneven":
        fields = {"silent": SilentTiles((*grids[1:], np.zeros((1, 2), dtype=np.bool_)), 1)}
    elif "silent" in fields:
        fields = {"silent": SilentTiles(tuple(grids[: fields["silent"]]), 1)}
    with pytest.raises(InputError, match=message) as caught:
        check_material(Material(make_images(6), **fields), replace(Recipe(tile=7), **changes), devices)
    assert "\n" not in str(caught.value)


def test_a_tile_belongs_to_the_nearest_corner() -> None:
    tops = torch.arange(30)
    rows, columns = places(tops, tops, 4, (7, 3))
    corners = torch.arange(7) * 4
    distance = (tops[:, None] - corners).abs()
    assert (distance.gather(1, rows[:, None])[:, 0] == distance.min(1).values).all()
    assert columns.equal(rows.clamp_max(2))
