"""The steps that a group of images shares at the same place, and how much of them any image has."""

from dataclasses import dataclass

from torch import Tensor

# How many standard errors the mean step of a group must differ from 0 to be part of its template.
SURE = 4.5
FEWEST_IMAGES = 3
FEWEST_STEPS = 6
ROUNDS = 5
# As an amount of the template: an image that has it has 1, one that does not has 0, both up to noise.
HALF = 0.5
SMALLEST_SPREAD = 0.3


@dataclass(frozen=True, eq=False)
class Template:
    """Mean unusual steps of a group of images, where they are certain, and their weights.

    `steps` and `weights` are (6, height, width), 0 where the group shares nothing.
    """

    steps: Tensor
    weights: Tensor

    @property
    def support(self) -> Tensor:
        """Where steps are shared, bool (6, height, width)."""
        return self.weights != 0

    def amounts(self, steps: Tensor) -> Tensor:
        """Return how much of the template each image has, (n,): its regression on the template.

        >>> import torch
        >>> line = torch.zeros(6, 4, 4)
        >>> line[0, :, 1] = 2.0
        >>> Template(line, line).amounts(torch.stack([line, line / 2, line * 0])).tolist()
        [1.0, 0.5, 0.0]

        `steps` are the images' unusual steps, (n, 6, height, width).
        """
        weights = self.weights.flatten()
        return (steps.flatten(1) @ weights) / (self.steps.flatten() @ weights)


@dataclass(frozen=True, eq=False)
class Sharing:
    """A group of images that share a template.

    `members` is bool (n,); `amounts` (n,) is how much of the template each image has, measured for members with
    the template of the other members; `others` (m,) is the same for images of other classes.
    """

    template: Template
    members: Tensor
    amounts: Tensor
    others: Tensor

    @property
    def separation(self) -> float:
        """How many standard deviations of the other classes' images lie between having it and not having it."""
        return float(1 / self.others.std().clamp(min=1e-6))

    @property
    def spread(self) -> float:
        """How far the amounts of members are from 1, on average; near 0 if they have the same pixels."""
        return float((self.amounts[self.members] - 1).abs().mean())

    @property
    def false(self) -> float:
        """The share of images of other classes that have half of it."""
        return float((self.others > HALF).float().mean())


def spread_of(others: Tensor) -> Tensor:
    """Return how much the unusual steps of images vary at each place, (6, height, width), given (m, 6, …)."""
    return others.std(0).clamp(min=SMALLEST_SPREAD)


def shared_by(steps: Tensor, others: Tensor, members: Tensor, spread: Tensor | None = None) -> Sharing | None:
    """Return the group that shares a template, starting from some of its members; None if they share none.

    `steps` (n, 6, height, width) are unusual steps of images of one class, `others` (m, 6, height, width) those
    of images of other classes, `members` bool (n,). `spread` is `spread_of` the others, if that is known.

    >>> import torch
    >>> noise = torch.randn(49, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> steps, others = noise[:9], noise[9:]
    >>> steps[:5, 0, :, 3] = 3.0
    >>> found = shared_by(steps, others, torch.tensor([True] * 4 + [False] * 5))
    >>> found.members.int().tolist()
    [1, 1, 1, 1, 1, 0, 0, 0, 0]
    """
    spread = spread_of(others) if spread is None else spread
    found = None
    for _ in range(ROUNDS):
        count = int(members.sum())
        if count < FEWEST_IMAGES:
            return None
        total = steps[members].sum(0)
        mean = total / count
        support = (mean.abs() * count**0.5 / spread) > SURE
        if int(support.sum()) < FEWEST_STEPS:
            return None
        template = Template(mean * support, mean * support / spread**2)
        own, weight = steps[:, support], 1 / spread[support] ** 2
        without = (total[support] - own * members[:, None]) / (count - members.float())[:, None]
        amounts = (own * without * weight).sum(1) / (without**2 * weight).sum(1)
        found = Sharing(template, members, amounts, template.amounts(others))
        if bool((members == (amounts > HALF)).all()):
            break
        members = amounts > HALF
    return found
