"""Muon against the published algorithm, written through the singular values it acts on."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nearsight.training.muon import Muon, orthogonalise


def by_singular_values(matrix: Tensor, iterations: int) -> Tensor:
    """The quintic applied to each singular value, which is what the iteration does to the matrix."""
    left, values, right = torch.linalg.svd(matrix / (matrix.norm() + 1e-7), full_matrices=False)
    for _ in range(iterations):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left @ values.diag() @ right


@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    iterations=st.integers(0, 6),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 1000),
)
def test_orthogonalise_acts_on_singular_values_alone(
    rows: int, columns: int, iterations: int, scale: float, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    matrix = scale * torch.randn(rows, columns, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(
        orthogonalise(matrix, iterations), by_singular_values(matrix, iterations), rtol=1e-6, atol=1e-8
    )


def test_orthogonalise_brings_a_random_matrix_near_an_orthogonal_one() -> None:
    matrix = torch.randn(20, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix, iterations=5))
    assert 0.6 < values.min() <= values.max() < 1.3


def test_orthogonalise_of_zero_is_zero() -> None:
    assert orthogonalise(torch.zeros(3, 4)).equal(torch.zeros(3, 4))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_steps_are_those_of_the_published_algorithm(nesterov: bool, layout: torch.memory_format) -> None:
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(6, 4, 3, 3, generator=draw, dtype=torch.float64)
    gradients = torch.randn(4, 6, 4, 3, 3, generator=draw, dtype=torch.float64)
    parameter = nn.Parameter(start.clone().to(memory_format=layout))
    optimizer = Muon([parameter], lr=0.2, momentum=0.6, nesterov=nesterov, dtype=torch.float64)
    weights, buffer = start, torch.zeros_like(start)
    for gradient in gradients:
        parameter.grad = gradient.clone().to(memory_format=layout)
        optimizer.step()
        buffer = 0.6 * buffer + gradient
        direction = gradient + 0.6 * buffer if nesterov else buffer
        weights = weights * (6**0.5 / weights.norm())
        weights = weights - 0.2 * by_singular_values(direction.reshape(6, 36), 3).reshape(start.shape)
    torch.testing.assert_close(parameter.detach(), weights, rtol=1e-6, atol=1e-8)


def test_parameters_without_a_gradient_stay() -> None:
    still, moved = (nn.Parameter(torch.ones(2, 2, 1, 1)) for _ in range(2))
    moved.grad = torch.eye(2).reshape(2, 2, 1, 1)
    Muon([still, moved], lr=0.1, momentum=0.9, nesterov=True).step()
    assert still.detach().equal(torch.ones(2, 2, 1, 1))
    assert not moved.detach().equal(still.detach())
