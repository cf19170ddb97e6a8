"""What a step makes small: the same as PyTorch's own losses and a plain reference of the worst group's."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.training.objective import first_group_weights, image_losses, worst_group_loss

LOGITS = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 4
GROUPS = torch.tensor([0, 1, 3, 1, 0, 0, 3, 3, 1, 0, 0, 1])


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0, 0.0])])
def test_losses_of_images_sum_to_that_of_pytorch(weights: Tensor | None) -> None:
    ours = image_losses(LOGITS, LABELS, weights=weights, smoothing=0.2)
    theirs = F.cross_entropy(LOGITS, LABELS, weight=weights, label_smoothing=0.2, reduction="sum")
    torch.testing.assert_close(ours.sum(), theirs)


def test_a_silent_image_has_the_cross_entropy_with_all_classes_alike() -> None:
    silent = torch.arange(12) < 5
    ours = image_losses(LOGITS, LABELS, silent=silent)
    alike = F.cross_entropy(LOGITS, torch.full((12, 4), 0.25), reduction="none")
    torch.testing.assert_close(ours[:5], alike[:5])
    assert ours[5:].equal(image_losses(LOGITS, LABELS)[5:])


def test_a_silent_image_weighs_as_much_as_its_class() -> None:
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0])
    everything = torch.ones(12, dtype=torch.bool)
    plain = image_losses(LOGITS, LABELS, silent=everything)
    assert image_losses(LOGITS, LABELS, weights=weights, silent=everything).equal(plain * weights[LABELS])


def reference(losses: list[float], groups: list[int], q: list[float], step: float) -> float:
    """Take one step of algorithm 1 of Sagawa et al., in plain Python."""
    means = []
    for number in range(len(q)):
        mine = [loss for loss, group in zip(losses, groups, strict=True) if group == number]
        means.append(sum(mine) / len(mine) if mine else 0.0)
    raised = [old * math.exp(step * mean) for old, mean in zip(q, means, strict=True)]
    q[:] = [value / sum(raised) for value in raised]
    return sum(weight * mean for weight, mean in zip(q, means, strict=True))


def test_the_worst_groups_loss_is_that_of_a_plain_reference_step_by_step() -> None:
    random = torch.Generator().manual_seed(1)
    weights = first_group_weights(GROUPS)
    q = weights.tolist()
    for _ in range(50):
        chosen = torch.randint(12, (5,), generator=random)
        losses = 3 * torch.rand(5, generator=random)
        ours = worst_group_loss(losses, GROUPS[chosen], weights, step=0.3)
        assert float(ours) == pytest.approx(
            reference(losses.tolist(), GROUPS[chosen].tolist(), q, 0.3), rel=1e-4
        )
        assert weights.tolist() == pytest.approx(q, rel=1e-4)
    assert max(q) > 0.5


def test_a_group_of_weight_0_keeps_it_and_its_images_move_nothing() -> None:
    logits = LOGITS.clone().requires_grad_()
    weights = torch.tensor([0.5, 0.0, 0.0, 0.5])
    losses = image_losses(logits, LABELS)
    worst_group_loss(losses, GROUPS, weights).backward()
    assert weights[1] == weights[2] == 0
    assert logits.grad is not None
    moved = logits.grad.abs().sum(1) > 0
    assert moved.equal(GROUPS != 1)


def test_one_group_has_the_mean_loss_with_the_weights_of_classes() -> None:
    weights, shares = torch.tensor([0.5, 2.0, 1.0, 3.0]), torch.ones(1)
    losses = image_losses(LOGITS, LABELS, weights=weights)
    alone = worst_group_loss(losses, torch.zeros(12, dtype=torch.int64), shares, shares=weights[LABELS])
    torch.testing.assert_close(alone, F.cross_entropy(LOGITS, LABELS, weight=weights))
    assert float(shares) == 1.0
