"""Muon: momentum with an orthogonalised update, for the filters of convolutions."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, iterations: int = 3, epsilon: float = 1e-7) -> Tensor:
    """Bring the singular values of a matrix near 1 by a quintic Newton–Schulz iteration.

    >>> values = torch.linalg.svdvals(orthogonalise(torch.eye(4) * 5, iterations=5))
    >>> bool(((values > 0.5) & (values < 1.5)).all())
    True

    Works in the matrix's own dtype. Source: K. Jordan, Muon, 2024.
    """
    a, b, c = _QUINTIC
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (x.norm() + epsilon)
    for _ in range(iterations):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.T


def as_matrix(filters: Tensor) -> Tensor:
    """Return filters (N, C, h, w) as the matrix whose singular values count, (N, h·w·C).

    >>> as_matrix(torch.zeros(4, 3, 2, 2)).shape
    torch.Size([4, 12])

    The order of a filter's values does not matter here, and channels-last is their order in memory.
    """
    return filters.movedim(1, -1).flatten(1)


class Muon(torch.optim.Optimizer):
    """Muon as in airbench94: orthogonal updates, and filters kept at norm √(number of filters).

    torch's own Muon only takes matrices and does not keep the norm, which airbench's schedule needs. Source:
    github.com/KellerJordan/cifar10-airbench, airbench94_muon.py.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        nesterov: bool,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step on every parameter that has a gradient."""
        result = closure() if closure is not None else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return result

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer = state["momentum_buffer"]
        torch.add(gradient, buffer, alpha=group["momentum"], out=buffer)
        direction = gradient.add(buffer, alpha=group["momentum"]) if group["nesterov"] else buffer
        parameter.mul_(len(parameter) ** 0.5 / parameter.norm())
        values = direction.movedim(1, -1)
        update = orthogonalise(as_matrix(direction).to(self.dtype)).view(values.shape).movedim(-1, 1)
        if isinstance(group["lr"], Tensor):
            parameter.addcmul_(update.to(parameter.dtype), group["lr"], value=-1)
        else:
            parameter.add_(update.to(parameter.dtype), alpha=-group["lr"])
