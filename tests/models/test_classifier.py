import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from nearsight.digest import unsealed_json
from nearsight.errors import InputError
from nearsight.models import (
    Architecture,
    Classifier,
    Preprocessing,
    load_classifier,
    save_classifier,
)

MEAN, STD = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)


def make(name="resnet18", width=0.125, tile=16, **preprocessing):
    torch.manual_seed(0)
    architecture = Architecture(name, classes=3, width=width, tile=tile)
    settings = Preprocessing(MEAN, STD, **preprocessing)
    return Classifier(architecture.build(), architecture, ("cat", "dög", "fox"), tile, settings)


def noise(height, width, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8))


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 60), st.integers(4, 60), st.integers(3, 70), st.sampled_from(["bicubic", "bilinear"]))
def test_resize_agrees_with_pillow_to_one_level(height, width, short, interpolation):
    image = noise(height, width)
    resized = Preprocessing(MEAN, STD, short, interpolation).resize(image)
    assert min(resized.shape[1:]) == short
    assert resized.dtype == torch.uint8

    rows, columns = resized.shape[1:]
    method = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[interpolation]
    # Band by band and in float, since Pillow's own rounding of bytes is between its two passes.
    bands = [
        Image.fromarray(band.numpy().astype(np.float32)).resize((columns, rows), method) for band in image
    ]
    oracle = np.clip(np.stack(bands), 0, 255)
    assert np.abs(resized.numpy() - oracle).max() <= 0.51


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 300))
def test_resize_keeps_the_proportions_to_half_a_pixel(height, width, short):
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    if max(height, width) * short > 20_000 * min(height, width):
        return
    rows, columns = Preprocessing(MEAN, STD, short).resize(image).shape[1:]
    assert min(rows, columns) == short
    # Of fractions, since half a pixel in floating point can be a little more.
    scale = Fraction(short, min(height, width))
    assert abs(rows - height * scale) <= Fraction(1, 2)
    assert abs(columns - width * scale) <= Fraction(1, 2)


@pytest.mark.parametrize("short", [None, 9])
def test_resize_leaves_an_image_of_the_right_size_alone(short):
    image = noise(9, 14)
    assert torch.equal(Preprocessing(MEAN, STD, short).resize(image), image)


def test_normalise_agrees_with_numpy_on_one_image_and_on_a_batch():
    normalise = Preprocessing(MEAN, STD).normalise
    batch = torch.stack([noise(5, 7, seed) for seed in range(4)])
    oracle = (batch.numpy() / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    found = normalise(batch)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), oracle, atol=1e-5)
    assert torch.equal(found[2], normalise(batch[2]))


def test_prepare_is_resize_then_normalise():
    classifier = make(resize_short=12)
    image = noise(20, 30)
    preprocessing = classifier.preprocessing
    assert torch.equal(classifier.prepare(image), preprocessing.normalise(preprocessing.resize(image)))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mean": MEAN, "std": (1.0, 0.0, 1.0)}, "std above 0"),
        ({"mean": (0.5,), "std": (0.5,)}, "three channels"),
        ({"mean": MEAN, "std": STD, "resize_short": 0}, "at least 1 pixel, got 0"),
        ({"mean": MEAN, "std": STD, "interpolation": "cubic"}, "got 'cubic'"),
    ],
)
def test_preprocessing_out_of_range_is_refused(settings, says):
    with pytest.raises(InputError, match=says):
        Preprocessing(**settings)


def test_class_names_and_outputs_must_agree_in_number():
    architecture = Architecture("resnet18", classes=3, width=0.125)
    with pytest.raises(InputError, match="3 outputs but 2 class names"):
        Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(MEAN, STD))


@pytest.mark.parametrize(
    ("name", "width", "tile"),
    [
        ("resnet18", 0.125, 16),
        ("airbench", 0.125, None),
        ("timm:test_vit", 1.0, 32),
        ("timm:test_resnet", 1.0, 32),
    ],
)
def test_what_is_loaded_is_what_was_saved(tmp_path, name, width, tile):
    saved = make(name, width, tile, resize_short=40, interpolation="bilinear")
    with torch.no_grad():
        for buffer in saved.network.buffers():
            buffer.add_(1)
    saved.to(memory_format=torch.channels_last)
    save_classifier(saved, tmp_path)
    loaded = load_classifier(tmp_path)

    assert not loaded.training
    for attribute in ("architecture", "classes", "tile", "preprocessing"):
        assert getattr(loaded, attribute) == getattr(saved, attribute), attribute
    expected = saved.network.state_dict()
    assert expected.keys() == loaded.network.state_dict().keys()
    for leaf, tensor in loaded.network.state_dict().items():
        assert tensor.dtype == expected[leaf].dtype, leaf
        assert torch.equal(tensor, expected[leaf]), leaf
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(loaded(images), saved.eval()(images))


def test_the_description_is_plain_json_with_versions(tmp_path):
    save_classifier(make(), tmp_path)
    description = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert description["classes"] == ["cat", "dög", "fox"]
    assert description["tile"] == 16
    assert description["preprocessing"]["interpolation"] == "bicubic"
    assert description["versions"]["torch"] == torch.__version__
    assert set(description["versions"]) == {"nearsight", "torch", "timm", "python"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def test_weights_of_another_shape_name_the_leaf_and_both_shapes(tmp_path):
    save_classifier(make(), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["head.weight"] = torch.zeros(5, 7)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"'head\.weight' is 5×7 in the file but 3×64 in the network"):
        load_classifier(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda weights: weights.pop("head.bias"), "'head.bias' is missing in the file but 3 in the network"),
        (lambda weights: weights.update(extra=torch.zeros(2)), "'extra' is 2 in the file but missing in"),
    ],
)
def test_missing_and_extra_leaves_are_named(tmp_path, change, says):
    save_classifier(make(), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    change(weights)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=says):
        load_classifier(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
def test_a_damaged_file_is_named(tmp_path, name, damage):
    save_classifier(make(), tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(InputError, match=name) as caught:
        load_classifier(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"architecture": {"name": "resnet18", "clases": 3}}', '{"architecture": 3}']
)
def test_a_description_of_something_else_is_refused(tmp_path, content):
    save_classifier(make(), tmp_path)
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(InputError, match=r"model\.json(: .*; train the run again| cannot be read)"):
        load_classifier(tmp_path)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("architecture", "width", "x"),
        ("architecture", "classes", "x"),
        ("architecture", "name", 3),
        ("preprocessing", "mean", [None, None, None]),
        ("preprocessing", "std", [0, 0, 0]),
        (None, "tile", "x"),
        (None, "classes", [1, 2, 3]),
    ],
)
def test_a_description_with_a_value_of_another_kind_is_refused_by_its_file(tmp_path, part, name, value):
    save_classifier(make(), tmp_path)
    path = tmp_path / "model.json"
    content = json.loads(unsealed_json(path.read_bytes(), path))
    (content if part is None else content[part])[name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.json") as caught:
        load_classifier(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_full_pass_sees_the_middle_and_tiles_the_whole():
    classifier = make(resize_short=12, crop=(10, 8))
    image = noise(24, 30)
    preprocessing = classifier.preprocessing
    resized = preprocessing.resize(image)
    assert resized.shape == (3, *preprocessing.resized(24, 30)) == (3, 12, 15)
    assert preprocessing.seen_whole(24, 30) == (10, 8)
    assert torch.equal(preprocessing.cut_whole(resized), resized[:, 1:11, 4:12])
    assert torch.equal(classifier.prepare(image), preprocessing.normalise(resized[:, 1:11, 4:12]))
    with pytest.raises(InputError, match="sees 10×8 pixels, and an image has 9×20"):
        preprocessing.cut_whole(noise(9, 20))


def test_resizing_to_a_size_forgets_the_proportions():
    preprocessing = Preprocessing(MEAN, STD, resize_to=(12, 9))
    assert preprocessing.resize(noise(20, 30)).shape == (3, 12, 9)
    with pytest.raises(InputError, match="exclude each other"):
        Preprocessing(MEAN, STD, 12, resize_to=(12, 9))


@pytest.mark.parametrize(
    ("interpolation", "method"),
    [("lanczos", Image.Resampling.LANCZOS), ("nearest", Image.Resampling.NEAREST)],
)
def test_filters_that_pytorch_does_not_antialias_are_pillows(interpolation, method):
    image = noise(20, 30)
    resized = Preprocessing(MEAN, STD, 10, interpolation).resize(image)
    oracle = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((15, 10), method)
    assert np.array_equal(resized.permute(1, 2, 0).numpy(), np.asarray(oracle))


def test_bytes_and_turned_colours_are_normalised_in_their_own_units():
    image = noise(5, 7)
    settings = Preprocessing((100.0, 110.0, 120.0), (2.0, 3.0, 4.0), input_range="0-255", channels="BGR")
    oracle = (image.numpy()[::-1].astype(np.float32) - np.reshape((100, 110, 120), (3, 1, 1))) / np.reshape(
        (2, 3, 4), (3, 1, 1)
    )
    np.testing.assert_allclose(settings.normalise(image).numpy(), oracle, atol=1e-4)


def test_a_description_of_before_there_were_crops_is_read(tmp_path):
    save_classifier(make(resize_short=12), tmp_path)
    path = tmp_path / "model.json"
    description = json.loads(unsealed_json(path.read_bytes(), path))
    del description["schema"]
    for name in ("resize_to", "crop", "input_range", "channels", "layout"):
        del description["preprocessing"][name]
    path.write_text(json.dumps(description))
    assert load_classifier(tmp_path).preprocessing == Preprocessing(MEAN, STD, 12)


def test_all_of_a_preprocessing_is_read_back(tmp_path):
    settings = {
        "resize_to": (12, 14),
        "crop": (10, 8),
        "input_range": "0-255",
        "channels": "BGR",
        "layout": "NHWC",
        "interpolation": "lanczos",
    }
    saved = make(**settings)
    save_classifier(saved, tmp_path)
    assert load_classifier(tmp_path).preprocessing == saved.preprocessing
