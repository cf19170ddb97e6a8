"""The loss of a step, if it is not the mean cross-entropy: tiles that should say nothing, the worst group."""

import torch
import torch.nn.functional as F
from torch import Tensor

# How fast the weights of the groups follow their losses; the value is that of Sagawa et al.
GROUP_STEP = 0.01


def image_losses(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    silent: Tensor | None = None,
) -> Tensor:
    """Return the loss of each image, float (B,): cross-entropy, for a silent one with equal probabilities as target.

    >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [5.0, 5.0]])
    >>> image_losses(logits, torch.tensor([0, 0, 0]), silent=torch.tensor([False, True, True]))
    tensor([0.1269, 1.1269, 0.6931])

    `logits` is (B, classes), `labels` int64 (B,) and `silent` bool (B,). `weights` of classes, (classes,), also
    apply to silent images, so that a class keeps its part of the loss. `smoothing` is that of the labels.
    """
    losses = F.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing, reduction="none")
    if silent is None:
        return losses
    nothing = logits.logsumexp(1) - logits.mean(1)
    return torch.where(silent, nothing if weights is None else nothing * weights[labels], losses)


def first_group_weights(groups: Tensor) -> Tensor:
    """Return the initial weights of groups, float (groups,): equal, and 0 for a number that no image has.

    >>> first_group_weights(torch.tensor([0, 2, 2]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    occur = torch.bincount(groups) > 0
    return occur.float() / occur.sum()


def worst_group_loss(
    losses: Tensor,
    groups: Tensor,
    group_weights: Tensor,
    *,
    shares: Tensor | None = None,
    step: float = GROUP_STEP,
) -> Tensor:
    """Return the loss of groups by their weights, and move these, in place, towards the groups with the largest loss.

    >>> weights = torch.tensor([0.5, 0.5])
    >>> float(worst_group_loss(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 1, 1]), weights, step=1.0))
    3.8577225...
    >>> weights
    tensor([0.0474, 0.9526])

    `losses` (B,) are those of images and `groups`, int64 (B,), their groups. A group's loss is the mean over its
    images, weighted by their `shares` (B,) if these are given, and 0 without images. `group_weights` q (groups,)
    becomes q · exp(`step` · loss) over its sum, and the loss is the sum of q · loss. Source: Sagawa, Koh,
    Hashimoto and Liang, "Distributionally Robust Neural Networks", ICLR 2020, algorithm 1.
    """
    # As a product, whose sums have one order on every device; nothing here waits for a GPU.
    numbers = torch.arange(len(group_weights), device=groups.device)
    members = (groups[None] == numbers[:, None]).to(losses.dtype)
    counted = members.sum(1) if shares is None else members @ shares
    of_groups = members @ losses / torch.where(counted > 0, counted, 1.0)
    with torch.no_grad():
        group_weights.mul_(torch.exp(step * of_groups))
        group_weights.div_(group_weights.sum())
    return (group_weights.clone() * of_groups).sum()
