"""Commands on images that are read part by part say what they say of the same images read whole."""

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.processes import files_of
from torch import Tensor, nn

import nearsight
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.large_image import LargeImage
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.models.banded import Seen
from nearsight.report import Heatmaps, heatmap_making

pyvips = pytest.importorskip("pyvips")

HALF = (0.5, 0.5, 0.5)
SIDE = 640


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four large TIFFs of two classes, half of each blank, each with a small one beside it."""
    place = tmp_path_factory.mktemp("slides")
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (place / name).mkdir()
        for number in range(2):
            coarse = Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8))
            values = np.array(coarse.resize((SIDE, SIDE - 100 * number), Image.Resampling.BICUBIC))
            values[:, SIDE // 2 :] = 235
            image = pyvips.Image.new_from_array(values).copy(xres=2000, yres=2000)
            path = place / name / f"{number}.tif"
            image.tiffsave(str(path), compression="deflate", tile=True, tile_width=128, tile_height=128)
            Image.fromarray(values[:96, :96]).save(place / name / f"small-{number}.png")
    return place


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    architecture = Architecture("airbench", classes=2, width=0.1)
    return Classifier(network, architecture, ("cat", "dog"), 32, Preprocessing(HALF, HALF))


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "33M")


def heatmap(classifier: Classifier, images: list[Path], **options: object) -> Heatmaps:
    return nearsight.heatmap(classifier, images, stride=32, progress=False, **options)  # type: ignore[arg-type]


def test_a_heatmap_is_that_of_the_whole(
    folder: Path, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [folder / "cat" / "0.tif", folder / "cat" / "small-0.png", folder / "dog" / "1.tif"]
    whole = heatmap(classifier, images)
    monkeypatch.setenv(VARIABLE, "33M")

    found = heatmap(classifier, images, out=tmp_path)

    for one, other in zip(found.images, whole.images, strict=True):
        torch.testing.assert_close(one.evidence.logits, other.evidence.logits)
        assert one.image.equal(other.image)
        assert (one.large is not None) == one.name.endswith(".tif")
        for mine, theirs in zip(one.all_strongest(), other.all_strongest(), strict=True):
            assert (mine.top, mine.left) == (theirs.top, theirs.left)
            assert one.crop(mine).equal(other.evidence.crop(other.image, theirs.index))
    assert {path.name for path in tmp_path.iterdir()} >= {
        *("0.map.ome.tif", "0.geojson", "1.map.ome.tif", "heatmaps.json", "small-0.png", "tiles"),
    }
    assert not (tmp_path / "small-0.geojson").exists()
    features = json.loads((tmp_path / "0.geojson").read_text())["features"]
    assert len(features) == len(found.images[0].all_strongest())
    monkeypatch.undo()
    again = Heatmaps.load(tmp_path)
    assert again.images[0].large is not None
    assert again.images[0].large.placement == found.images[0].large.placement  # type: ignore[union-attr]
    assert again.figure(0).png(dpi=40) == found.figure(0).png(dpi=40)
    assert not nearsight.verify(tmp_path).damaged


@pytest.mark.usefixtures("little_memory")
def test_an_interrupted_heatmap_goes_on_with_its_maps(
    folder: Path, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heatmap_making, "BLOCK", 1)
    identifier = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    images = [folder / "cat" / "0.tif", folder / "dog" / "1.tif"]
    heatmap(classifier, images, out=tmp_path / "whole")
    made: list[str] = []
    maps = nearsight.TiledModel.map_of_bands

    def mapped(bound: nearsight.TiledModel, picture: LargeImage, seen: Seen) -> EvidenceMap:
        if made:
            raise KeyboardInterrupt
        made.append(picture.path)
        return maps(bound, picture, seen)

    with monkeypatch.context() as patched:
        patched.setattr(nearsight.TiledModel, "map_of_bands", mapped)
        with pytest.raises(KeyboardInterrupt, match="the same command continues"):
            heatmap(classifier, images, out=tmp_path / "again")
        made.clear()
        heatmap(classifier, images, out=tmp_path / "again")
    assert made == [str(images[1])]
    again, whole = (files_of(tmp_path / name) for name in ("again", "whole"))
    assert again.keys() == whole.keys()
    for name, content in again.items():
        # An OME-TIFF has an identifier of its own each time it is written.
        assert identifier.sub(b"", content) == identifier.sub(b"", whole[name])


def test_a_map_of_the_same_file_in_another_range_is_another(tmp_path: Path) -> None:
    picture = LargeImage(str(tmp_path), 9, 9, at_random=False, depth="16-bit", value_range=(0, 4095))
    other = replace(picture, value_range=(0, 65535))
    assert heatmap_making._content(picture) != heatmap_making._content(other)


@pytest.mark.usefixtures("little_memory")
def test_blank_tiles_are_skipped_and_said(folder: Path, classifier: Classifier) -> None:
    found = heatmap(classifier, [folder / "cat" / "0.tif"], skip_blank=3)
    [image] = found.to_json()["images"]
    assert image["tiles"] == 400
    assert 150 <= image["blank"] <= 200
    assert "blank ones skipped" in found.figure(0).get_suptitle()


@pytest.mark.parametrize("stride", [32, 24])
def test_what_is_lost_without_a_tile_is_that_of_the_whole(
    stride: int, folder: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [folder / "cat" / "1.tif", folder / "cat" / "small-0.png"]

    def removal() -> Heatmaps:
        return nearsight.heatmap(classifier, images, stride=stride, evidence="removal", progress=False)

    whole = removal()
    monkeypatch.setenv(VARIABLE, "33M")
    found = removal()
    assert [one.large is not None for one in found.images] == [True, False]
    for one, other in zip(found.images, whole.images, strict=True):
        torch.testing.assert_close(one.evidence.logits, other.evidence.logits, rtol=1e-4, atol=1e-8)
        assert one.evidence.kind == other.evidence.kind == "removal"
        torch.testing.assert_close(one.evidence.scores(), other.evidence.scores())


@pytest.mark.usefixtures("little_memory")
def test_what_needs_the_whole_image_is_refused(folder: Path, classifier: Classifier) -> None:
    for fill in ("blur", "other"):
        images = [folder / "cat" / "0.tif", folder / "cat" / "1.tif"]
        with pytest.raises(InputError, match=r"0\.tif is too large to be held whole"):
            heatmap(classifier, images, evidence="removal", fill=fill)
    decides_whole = copy.copy(classifier)
    decides_whole.tile = None
    with pytest.raises(InputError, match=r"0\.tif is too large to be held whole"):
        heatmap(decides_whole, images, evidence="removal", tile=32)


def test_a_set_of_them_is_evaluated_and_predicted(
    folder: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluated() -> nearsight.Evaluation:
        sets = nearsight.load(folder, progress=False)
        return nearsight.evaluate(
            classifier, {"test": sets["train"]}, stride=32, protocols=["mean-logit", "vote"], progress=False
        )

    whole = evaluated()
    rows = nearsight.predict(classifier, folder, stride=32, progress=False).table.to_pydict()
    monkeypatch.setenv(VARIABLE, "33M")

    found = evaluated()
    again = nearsight.predict(classifier, folder, stride=32, progress=False).table.to_pydict()

    assert found.paths == whole.paths
    for protocol, scores in whole.scores.items():
        np.testing.assert_allclose(found.scores[protocol], scores, rtol=1e-4, atol=1e-5)
    assert again["path"] == rows["path"]
    assert again["class"] == rows["class"]
    np.testing.assert_allclose(again["probability"], rows["probability"], rtol=1e-4)
    passed = nearsight.predict(classifier, folder, protocol="full-pass", progress=False).table.to_pydict()
    assert [fault is not None for fault in passed["fault"]] == [
        path.endswith(".tif") for path in passed["path"]
    ]


@pytest.mark.usefixtures("little_memory")
def test_a_full_pass_over_them_is_left_out(folder: Path, classifier: Classifier) -> None:
    sets = nearsight.load(folder, progress=False)
    assert sets["train"].first_large() is not None
    found = nearsight.evaluate(classifier, {"test": sets["train"]}, stride=32, progress=False)
    assert "full-pass" not in found.metrics
    assert "too large to be passed whole" in found.settings["left_out"][0]


@pytest.mark.usefixtures("little_memory")
def test_tiles_of_them_are_trained_on(folder: Path) -> None:
    sets = nearsight.load(folder, progress=False)
    images = sets["train"]
    large = images.first_large()
    assert large is not None
    tile = images.tile(large, 100, 200, (64, 48))
    [expected] = images.looked_at(large).tiles([(100, 200)], (64, 48))  # type: ignore[union-attr]
    assert tile.equal(expected)


def test_whole_images_are_trained_on_as_those_that_are_held(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(name: str, **fields: object) -> list[Tensor]:
        run = nearsight.train(
            folder,
            recipe="fast",
            width=0.1,
            steps=2,
            batch_size=4,
            validation=0.3,
            machine=nearsight.Machine(workers=0, device="cpu"),
            out=tmp_path / name,
            progress=False,
            **fields,  # type: ignore[arg-type]
        )
        return list(run.classifier().network.state_dict().values())

    whole = weights("whole", tile=None, resize_short=48)
    monkeypatch.setenv(VARIABLE, "33M")
    assert nearsight.load(folder, progress=False)["train"].first_large() is not None
    for one, other in zip(weights("parts", tile=None, resize_short=48), whole, strict=True):
        assert one.equal(other)
    # A part that is cut out at random is cut out of a reduced image.
    weights("cut", tile=None, resize_short=48, resized_crop=0.25)
    with pytest.raises(
        InputError, match="too large to be held, and whole images are trained on; give `resize_short`"
    ):
        weights("refused", tile=None)
