"""Watching operations: counts as PyTorch's own counter has them, and a compiler that stays out."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nearsight.evidence import evidence
from nearsight.evidence.embedding import embed
from nearsight.evidence.operations import FlopCount
from nearsight.models import build


@pytest.mark.parametrize("name", ["resnet18", "airbench", "tilenet", "timm:test_vit", "timm:test_convnext"])
@pytest.mark.parametrize("grad", [False, True])
def test_operations_are_those_of_pytorchs_counter(name: str, grad: bool) -> None:
    network = build(name, classes=5, width=1.0 if name.startswith("timm:") else 0.2, tile=32).eval()
    images = torch.zeros(2, 3, 32, 32)
    with torch.set_grad_enabled(grad):
        with FlopCounterMode(display=False) as counter:
            network(images)
        with FlopCount() as count:
            network(images)
    assert count.flops == counter.get_total_flops() > 0


def test_a_product_of_stacks_of_matrices_is_counted_by_its_parts() -> None:
    stack = torch.ones(5, 2, 3)
    with torch.inference_mode(), FlopCount() as count:
        stack @ torch.ones(3, 4)
        nn.functional.linear(stack, torch.ones(6, 3))
    assert count.flops == 2 * 5 * 2 * 3 * (4 + 6)


def test_evidence_imports_neither_the_compiler_nor_computer_algebra() -> None:
    """They take a second of every process that shows a single image."""
    code = """
import sys, torch
from nearsight.evidence import TiledModel, evidence
from nearsight.models import build
from nearsight.tiles import TileGrid
for name in ("tilenet", "resnet18"):
    network = build(name, classes=3, width=0.1, tile=8).eval()
    evidence(network, torch.zeros(1, 3, 12, 12), tile=8)
    TiledModel(network, tile=8).cost([TileGrid(12, 12, tile=8, stride=1)])
print(sorted({"torch._dynamo", "sympy"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# Of Python 3.13.0, in the compiler.
@pytest.mark.filterwarnings("ignore:Guards may run slower:RuntimeWarning")
def test_a_compiled_network_has_the_same_maps_and_nothing_is_compiled_in_the_modes() -> None:
    network = build("tilenet", classes=3, width=0.1, tile=8).eval()
    images = torch.randn(2, 3, 13, 12, generator=torch.Generator().manual_seed(0))
    graphs = []

    def keep(graph: torch.fx.GraphModule, _examples: list[torch.Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    compiled = torch.compile(network, backend=keep)
    plain = evidence(network, images, tile=8)
    for ours, theirs in zip(plain, evidence(compiled, images, tile=8), strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits)
    before = len(graphs)
    embed(compiled, images[..., :8, :8])
    with FlopCount() as count:
        compiled(images)
    assert len(graphs) == before
    assert count.flops > 0
