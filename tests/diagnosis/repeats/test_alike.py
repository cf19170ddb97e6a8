import numpy as np
import torch
from torch import Tensor

from nearsight.diagnosis.repeats.alike import DRAWS, PLAIN, ROUNDS, Ground, strongest_group
from nearsight.diagnosis.repeats.steps import KINDS


def plain_group(alike: Tensor) -> tuple[Tensor, Tensor]:
    """The strongest group of one matrix by power iteration, as it is written in books."""
    vector = alike.clamp(min=0).sum(1) ** 2
    vector = vector / vector.norm()
    size = torch.zeros(())
    for _ in range(ROUNDS):
        turned = alike @ vector
        size = turned @ vector
        vector = turned / turned.norm().clamp(min=1e-9)
    return size - 1, vector


def plain_chance(ground: Ground, count: int, without: int) -> tuple[Tensor, Tensor]:
    """Groups by chance, from the steps themselves instead of their scalar products."""
    steps = ground._steps[ground.others(without)]
    steps = steps - steps.mean(0)
    random = np.random.default_rng((ground.seed, count))
    height, width = steps.shape[2:]
    block, rows, columns = ground.block, -(-height // ground.block), -(-width // ground.block)
    sizes = []
    for _ in range(DRAWS):
        drawn = steps[torch.from_numpy(random.permutation(len(steps))[:count])]
        found = []
        for window in ground.windows.reshape(-1, rows, columns):
            seen = window.repeat_interleave(block, 0).repeat_interleave(block, 1)[:height, :width]
            products = (drawn * seen).flatten(1) @ drawn.flatten(1).T
            lengths = (products.diagonal() + PLAIN * KINDS * block**2 * window.sum()).sqrt()
            alike = products / (lengths[:, None] * lengths)
            alike.fill_diagonal_(1.0)
            found.append(plain_group(alike)[0])
        sizes.append(torch.stack(found))
    return torch.stack(sizes).mean(0), torch.stack(sizes).std(0)


def test_groups_by_chance_are_those_of_the_plain_computation() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 255, (24, 3, 18, 23), dtype=torch.uint8, generator=generator)
    ground = Ground(pixels, np.arange(24) % 3, seed=5)
    for label in (0, 2):
        mean, spread = ground.chance(7, label)
        expected_mean, expected_spread = plain_chance(ground, 7, label)
        torch.testing.assert_close(mean, expected_mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(spread, expected_spread, rtol=1e-3, atol=1e-5)


def test_the_strongest_group_of_each_matrix_is_that_of_power_iteration() -> None:
    random = torch.randn(6, 9, 4, generator=torch.Generator().manual_seed(1))
    alike = random @ random.transpose(1, 2) / 4
    sizes, belongs = strongest_group(alike)
    for matrix, size, vector in zip(alike, sizes, belongs, strict=True):
        expected_size, expected_vector = plain_group(matrix)
        torch.testing.assert_close(size, expected_size)
        torch.testing.assert_close(vector, expected_vector)
