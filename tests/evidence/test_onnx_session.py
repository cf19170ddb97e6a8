"""An ONNX Runtime session gives the maps of the same network in PyTorch."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import evidence
from nearsight.evidence.onnx_session import OnnxSession, run_session

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
    with pytest.raises(InputError, match="exported for images of height 8, but tiles have 6"):
        evidence(fixed, pictures(), tile=6)


def test_a_session_of_several_inputs_is_refused() -> None:
    class Two:
        def get_inputs(self) -> list[object]:
            return [object(), object()]

        def run(self, output_names: None, input_feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            raise AssertionError(f"run for {output_names} on {input_feed}")

    with pytest.raises(InputError, match="takes 2 inputs"):
        run_session(Two(), pictures())


def test_what_cannot_be_run_is_named() -> None:
    with pytest.raises(InputError, match="the model is str, which cannot be called"):
        evidence("resnet18", pictures(), tile=8)  # type: ignore[arg-type]
