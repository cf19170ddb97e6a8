"""An ONNX Runtime session gives the maps of the same network in PyTorch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import TiledModel, evidence
from nearsight.models import Classifier
from nearsight.models.onnx_session import OnnxFunction, OnnxSession

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NETWORK = nn.Sequential(
    nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
).eval()


def session(
    batch: int | str = "batch", height: int | str = "height", width: int | str = "width"
) -> OnnxSession:
    """`NETWORK` as an ONNX graph with its own weights, for images of the sizes given."""
    convolution, head = NETWORK[0], NETWORK[4]
    weights = {
        "kernel": convolution.weight,
        "offset": convolution.bias,
        "head": head.weight,
        "head_offset": head.bias,
    }
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["images", "kernel", "offset"], ["conv"], pads=[1, 1, 1, 1]),
            onnx.helper.make_node("Relu", ["conv"], ["relu"]),
            onnx.helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
            onnx.helper.make_node("Flatten", ["pool"], ["flat"]),
            onnx.helper.make_node("Gemm", ["flat", "head", "head_offset"], ["logits"], transB=1),
        ],
        "network",
        [onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [batch, 3, height, width])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [batch, 4])],
        [onnx.numpy_helper.from_array(weight.detach().numpy(), name) for name, weight in weights.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def pictures(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 13, 11, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("batch", ["batch", 1, 4])
def test_the_maps_of_a_session_are_those_of_the_network_it_was_made_from(batch: int | str) -> None:
    found = evidence(session(batch), pictures(), tile=8, stride=2)
    expected = evidence(NETWORK, pictures(), tile=8, stride=2)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.logits, other.logits, rtol=0, atol=1e-5)


def test_a_session_for_one_size_takes_tiles_of_it_and_no_others() -> None:
    fixed = session(height=8, width=8)
    assert len(evidence(fixed, pictures(), tile=8, stride=2)) == 2
    with pytest.raises(InputError, match="exported for images of height 8, but these have 6"):
        evidence(fixed, pictures(), tile=6)


def test_a_session_of_several_inputs_is_refused() -> None:
    class Two:
        def get_inputs(self) -> list[object]:
            return [object(), object()]

        def get_outputs(self) -> list[object]:
            return []

        def run(self, output_names: None, input_feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            raise AssertionError(f"run for {output_names} on {input_feed}")

    with pytest.raises(InputError, match="takes 2 inputs"):
        OnnxFunction(Two())


def test_what_cannot_be_run_is_named() -> None:
    with pytest.raises(InputError, match="`model` takes a function or OnnxSession, got 'resnet18'"):
        evidence("resnet18", pictures(), tile=8)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the model is str, which cannot be called"):
        TiledModel("resnet18", tile=8)  # type: ignore[arg-type]


def graph(
    shape: list[int | str] | None,
    kind: str = "FLOAT",
    *,
    channels_last: bool = False,
    outputs: tuple[str, ...] = ("logits",),
) -> OnnxSession:
    """The mean colours of images and their product with three rows of four, in a form of the exporter's choice."""
    kinds, helper = onnx.TensorProto, onnx.helper
    weights = onnx.numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "W")
    order = [0, 3, 1, 2] if channels_last else [0, 1, 2, 3]
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=kinds.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=order),
        helper.make_node("GlobalAveragePool", ["planes"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["means"]),
        helper.make_node("MatMul", ["means", "W"], ["logits"]),
        helper.make_node("ReduceSum", ["W"], ["total"], keepdims=0),
    ]
    made = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", getattr(kinds, kind), shape)],
        [helper.make_tensor_value_info(name, kinds.FLOAT, None) for name in outputs],
        [weights],
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def bytes_of(count: int = 2) -> Tensor:
    """Images of whole numbers, which every input type holds."""
    return torch.randint(0, 256, (count, 3, 8, 12), generator=torch.Generator().manual_seed(0)).float()


@pytest.mark.parametrize(
    ("shape", "kind", "channels_last"),
    [
        (["b", 3, 8, 8], "UINT8", False),
        (["b", 3, 8, 8], "FLOAT16", False),
        (["b", 3, 8, 8], "DOUBLE", False),
        (["b", 3, 8, 8], "INT32", False),
        (["b", 8, 8, 3], "FLOAT", True),
        ([5, "h", "w", 3], "UINT8", True),
        ([7, 3, 8, 8], "FLOAT", False),
        (None, "FLOAT", False),
        (["b", "c", "h", "w"], "FLOAT", False),
    ],
)
def test_images_are_given_in_the_form_that_the_session_takes(
    shape: list[int | str] | None, kind: str, channels_last: bool
) -> None:
    made = graph(shape, kind, channels_last=channels_last)
    images = bytes_of()
    for found, image in zip(evidence(made, images, tile=8, stride=4), images, strict=True):
        means = torch.stack([image[:, :, left : left + 8].mean((1, 2)) for left in (0, 4)])
        expected = means @ torch.arange(12.0).reshape(3, 4)
        torch.testing.assert_close(found.logits[:, 0], expected.T, rtol=1e-4, atol=1e-3)


def test_whole_numbers_are_rounded_and_clamped() -> None:
    function = OnnxFunction(graph(["b", 3, "h", "w"], "UINT8"))
    images = torch.tensor([-3.0, 1.6, 300.0])[None, :, None, None].expand(1, 3, 4, 4)
    expected = torch.tensor([[0.0, 2.0, 255.0]]) @ torch.arange(12.0).reshape(3, 4)
    assert torch.equal(function(images)["logits"], expected)


def test_features_that_come_first_are_not_the_classes() -> None:
    made = graph(["b", 3, "h", "w"], outputs=("total", "pool", "means", "logits"))
    [named] = evidence(made, bytes_of(1), tile=8)
    assert named.logits.shape[0] == 4
    other = graph(["b", 3, "h", "w"], outputs=("means", "planes"))
    assert evidence(other, bytes_of(1), tile=8)[0].logits.shape[0] == 3


def test_several_outputs_of_a_fixed_batch_are_joined() -> None:
    function = OnnxFunction(graph([2, 3, "h", "w"], outputs=("total", "logits")))
    found = function(bytes_of(5))
    assert found["total"].item() == 66
    assert torch.equal(found["logits"], OnnxFunction(graph(["b", 3, "h", "w"]))(bytes_of(5))["logits"])


def test_a_layout_that_the_shape_does_not_say_is_said() -> None:
    made = graph(None, channels_last=True)
    images = bytes_of()
    right = OnnxFunction(made, layout="NHWC")(images)["logits"]
    assert torch.equal(right, OnnxFunction(graph(["b", "h", "w", 3], channels_last=True))(images)["logits"])


@pytest.mark.parametrize("shape", [None, ["b", "h", "w", "c"], [None] * 4, ["b", 8, 8, "c"]])
def test_a_layout_that_no_side_says_is_found(shape: list[int | str | None] | None) -> None:
    images = bytes_of()[..., :8, :8]
    found = OnnxFunction(graph(shape, channels_last=True))(images)["logits"]
    assert torch.equal(found, OnnxFunction(graph(["b", 8, 8, 3], channels_last=True))(images)["logits"])


@pytest.mark.parametrize(
    ("shape", "kind", "says"),
    [
        (["b", 3, 8, 8], "STRING", r"takes tensor\(string\)"),
        ([3, 8, 8], "FLOAT", "expected four axes"),
        (["b", 3, 8, 6], "FLOAT", "of width 6, but these have 8"),
        (["b", 4, "h", "w"], "FLOAT", "of channels 4, but these have 3"),
        (["b", "c", "h", "w"], "FLOAT", r"cannot run on images of shape \(2, 3, 8, 8\): .*5"),
    ],
)
def test_what_a_session_cannot_take_is_said_in_one_line(shape: list[int | str], kind: str, says: str) -> None:
    class Refusing:
        """A session that declares a shape, and needs five channels."""

        def get_inputs(self) -> list[object]:
            return [SimpleNamespace(name="images", shape=shape, type=f"tensor({kind.lower()})")]

        def get_outputs(self) -> list[object]:
            return []

        def run(self, output_names: None, input_feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            raise ValueError(f"{list(input_feed)} must have 5 channels\n{output_names}")

    with pytest.raises(InputError, match=says) as told:
        OnnxFunction(Refusing())(torch.zeros(2, 3, 8, 8))
    assert "\n" not in str(told.value)


def test_a_description_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Damaged:
        @property
        def custom_metadata_map(self) -> dict[str, str]:
            return {"nearsight": b"\xc4(".decode()}

    made = session()
    monkeypatch.setattr(made, "get_modelmeta", Damaged, raising=False)
    with pytest.raises(InputError, match="is not UTF-8 text; export it again"):
        Classifier.of(made, classes=4, tile=8)
