"""From files to heatmaps: the same scores as evaluation, and bad input told in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.decode import allowed_pixels
from nearsight.errors import InputError
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.report.heatmap_making import make_heatmaps

CLASSES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture("airbench", classes=3, width=0.1)
    preprocessing = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.2))
    return Classifier(architecture.build(), architecture, CLASSES, 16, preprocessing).eval()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    pixels = np.random.default_rng(0).integers(256, size=(2, 26, 22, 3), dtype=np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths


def test_the_mean_of_the_map_is_the_score_that_evaluation_reports(
    classifier: Classifier, files: list[Path]
) -> None:
    heatmaps = make_heatmaps(TiledModel(classifier), files)
    pixels = torch.stack([heatmap.image for heatmap in heatmaps.images])
    images = ImageSet("toy", "test", CLASSES, np.zeros(2, dtype=np.int64), MemoryImages(pixels, ("a", "b")))
    scores = evaluate(TiledModel(classifier), images, protocols=["mean-logit"]).scores["mean-logit"]
    for heatmap, row in zip(heatmaps.images, scores, strict=True):
        np.testing.assert_allclose(heatmap.evidence.mean(), row, atol=1e-5)
        assert heatmap.predicted == row.argmax()


def test_no_heatmap_replaces_an_image_that_it_is_of(
    classifier: Classifier, files: list[Path], tmp_path: Path
) -> None:
    before = [file.read_bytes() for file in files]
    (tmp_path / "other").symlink_to(tmp_path)
    for out in (tmp_path, tmp_path / "other"):
        with pytest.raises(
            InputError, match=r"heatmap .*0\.png would replace the image of that name; choose"
        ):
            make_heatmaps(TiledModel(classifier), files, keep=out / "heatmaps.parts")
        with pytest.raises(InputError, match="would replace the image"):
            make_heatmaps(TiledModel(classifier), files[:1]).save(out)
    assert [file.read_bytes() for file in files] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "other"]


def test_files_and_their_pixels_give_the_same_maps(classifier: Classifier, files: list[Path]) -> None:
    read = make_heatmaps(TiledModel(classifier, stride=3), files, class_name="owl")
    pixels = [heatmap.image for heatmap in read.images]
    given = make_heatmaps(TiledModel(classifier, stride=3), pixels, class_name="owl")
    for one, other in zip(read.images, given.images, strict=True):
        torch.testing.assert_close(one.evidence.logits, other.evidence.logits)
    assert [heatmap.chosen for heatmap in given.images] == [2, 2]
    assert [heatmap.name for heatmap in given.images] == ["image-0", "image-1"]


def test_images_are_resized_as_the_classifier_says(classifier: Classifier, files: list[Path]) -> None:
    preprocessing = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.2), resize_short=44)
    large = Classifier(classifier.network, classifier.architecture, CLASSES, 16, preprocessing)
    [heatmap] = make_heatmaps(TiledModel(large), files[:1]).images
    assert tuple(heatmap.image.shape) == (3, 52, 44)
    assert heatmap.evidence.crop(heatmap.image, 0).equal(heatmap.image[:, :16, :16])


def test_the_cost_is_said_and_the_maps_are_counted(
    classifier: Classifier, files: list[Path], listener: Any
) -> None:
    heatmaps = make_heatmaps(TiledModel(classifier), files, progress=listener)
    tiles = sum(len(heatmap.evidence.grid) for heatmap in heatmaps.images)
    assert listener.counted == [("mapping images", 1, 2), ("mapping images", 2, 2)]
    assert listener.said[-1].startswith(f"{tiles} tiles, ")


def test_training_mode_and_weights_are_left_as_they_were(classifier: Classifier, files: list[Path]) -> None:
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    classifier.train()
    make_heatmaps(TiledModel(classifier), files)
    assert classifier.training
    classifier.eval()
    assert all(value.equal(before[name]) for name, value in classifier.state_dict().items())


def refused(
    classifier: Classifier, images: list[Path], class_name: str | None = None, **settings: Any
) -> str:
    with pytest.raises(InputError) as caught:
        make_heatmaps(TiledModel(classifier, **settings), images, class_name=class_name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_input_is_one_line(classifier: Classifier, files: list[Path], tmp_path: Path) -> None:
    assert "did you mean 'owl'" in refused(classifier, files, class_name="owls")
    assert "no image was given" in refused(classifier, [])
    assert "stride" in refused(classifier, files, stride=0)
    assert f"{files[0]}: a tile of 24 pixels does not fit" in refused(classifier, files, tile=24)
    assert "works" in refused(classifier, files, tile=1)
    whole = Classifier(classifier.network, classifier.architecture, CLASSES, None, classifier.preprocessing)
    assert "`tile=32`" in refused(whole, files)

    missing, text, cut = tmp_path / "none.png", tmp_path / "text.png", tmp_path / "cut.png"
    text.write_text("no image")
    cut.write_bytes(files[0].read_bytes()[:300])
    assert f"cannot read {missing}: no such file" in refused(classifier, [files[0], missing])
    assert f"cannot read {text}: not an image" in refused(classifier, [text])
    assert f"cannot read {cut}" in refused(classifier, [cut])
    with allowed_pixels(100):
        assert f"cannot read {files[0]}" in refused(classifier, files)


def test_logits_that_are_not_finite_or_not_of_the_classes_are_refused(
    classifier: Classifier, files: list[Path]
) -> None:
    head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3))
    wide = torch.nn.Sequential(*head, torch.nn.Linear(3, 4))
    broken = Classifier(wide, classifier.architecture, CLASSES, 16, classifier.preprocessing)
    assert "gives 4 logits but 3 class names" in refused(broken, files)
    torch.nn.init.constant_(head[2].bias, float("nan"))
    undefined = Classifier(head, classifier.architecture, CLASSES, 16, classifier.preprocessing)
    assert "NaN logits for image 0" in refused(undefined, files)


def test_normalised_pixels_are_refused(classifier: Classifier) -> None:
    with pytest.raises(InputError, match=r"image-0 is .* values go from -1 to -1; .* go from 0 to 1"):
        make_heatmaps(TiledModel(classifier), [torch.full((3, 20, 20), -1.0)])


def test_images_of_every_form_give_the_same_maps(classifier: Classifier, files: list[Path]) -> None:
    bound = TiledModel(classifier)
    [first, *_] = make_heatmaps(bound, files[:1]).images
    array = first.image.permute(1, 2, 0).numpy()
    forms = [array, Image.fromarray(array), first.image, first.image / 255]
    for heatmap in (*make_heatmaps(bound, forms).images, *make_heatmaps(bound, array).images):
        assert heatmap.evidence.logits.equal(first.evidence.logits)
    shown = make_heatmaps(bound, files[0].parent)
    assert {heatmap.name for heatmap in shown.images} >= {str(file) for file in files}


def test_a_name_with_mathematics_in_it_is_drawn(classifier: Classifier, files: list[Path]) -> None:
    odd = files[0].with_name("$\\frac$.png")
    odd.write_bytes(files[0].read_bytes())
    classes = ("$_$", "$x", "a" * 80)
    strange = Classifier(classifier.network, classifier.architecture, classes, 16, classifier.preprocessing)
    heatmaps = make_heatmaps(TiledModel(strange), [odd], class_name="$_$")
    names = {path.name for path in heatmaps.save(odd.parent / "out")}
    assert names == {"$\\frac$.png", "$\\frac$.svg", "$\\frac$.safetensors", "heatmaps.json", "heatmaps.html"}


def test_the_true_class_comes_from_the_directory_of_an_image_folder(
    classifier: Classifier, files: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "owl").mkdir()
    inside = files[0].rename(tmp_path / "owl" / "a.png")
    assert [h.chosen for h in make_heatmaps(TiledModel(classifier), [inside, files[1]]).images] == [2, None]
    asked = make_heatmaps(TiledModel(classifier), [inside, files[1]], class_name=["cat", None])
    assert [h.chosen for h in asked.images] == [0, None]
    assert make_heatmaps(TiledModel(classifier), [inside], class_name="dog").images[0].chosen == 1
    with pytest.raises(InputError, match="1 names for 2 images"):
        make_heatmaps(TiledModel(classifier), [inside, files[1]], class_name=["cat"])
