"""What several tiles make together, against what the definitions say, and at the ends where poolings meet."""

import pytest
import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.models.several_tiles import attended_mean, noisy_or_odds, pooled_logits
from nearsight.settings.pooled import POOLINGS, Pooling, PoolingName

POOLED: list[PoolingName] = [name for name in POOLINGS if name != "attention"]


def tiles(*shape: int, scale: float = 2.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain(pooling: Pooling, logits: Tensor, attention: Tensor) -> Tensor:
    """Pool one image's tiles, (tiles, classes), by loops and the definitions."""
    if pooling.name == "noisy-or":
        chance = 1 - (1 - logits.sigmoid()).prod(0)
        return (chance / (1 - chance)).log()
    if pooling.name == "attention":
        weighted = [weight * tile for weight, tile in zip(attention.softmax(0), logits, strict=True)]
        return torch.stack(weighted).sum(0)
    count = {"mean": len(logits), "max": 1}.get(pooling.name, pooling.count(len(logits)))
    return torch.stack([torch.stack(sorted(column, reverse=True)[:count]).mean() for column in logits.T])


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_and_its_gradient_are_those_of_its_definition(name: PoolingName) -> None:
    pooling, logits, attention = Pooling(name, top_k=3), tiles(2, 7, 4), tiles(2, 7)
    logits.requires_grad_()
    attention.requires_grad_()
    labels = torch.tensor([1, 3])
    found = pooled_logits(pooling, logits, attention)
    wanted = torch.stack([plain(pooling, *each) for each in zip(logits, attention, strict=True)])
    torch.testing.assert_close(found, wanted)
    ours = torch.autograd.grad(torch.nn.functional.cross_entropy(found, labels), logits)[0]
    theirs = torch.autograd.grad(torch.nn.functional.cross_entropy(wanted, labels), logits)[0]
    torch.testing.assert_close(ours, theirs)


def test_where_the_poolings_meet() -> None:
    logits = tiles(5, 6, 3)
    torch.testing.assert_close(pooled_logits(Pooling("top-k", top_k=6), logits), logits.mean(1))
    torch.testing.assert_close(pooled_logits(Pooling("top-k", top_k=1), logits), logits.amax(1))
    torch.testing.assert_close(attended_mean(logits, torch.zeros(5, 6, dtype=torch.float64)), logits.mean(1))


@pytest.mark.parametrize("name", POOLED)
def test_one_tile_is_its_own_prediction(name: PoolingName) -> None:
    one = tiles(4, 1, 3)
    torch.testing.assert_close(pooled_logits(Pooling(name), one), one[:, 0])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0, 1e4])
def test_noisy_or_keeps_its_digits_from_no_chance_to_certainty(scale: float) -> None:
    logits = tiles(3, 200, 5, scale=scale).float().requires_grad_()
    odds = noisy_or_odds(logits)
    assert odds.isfinite().all()
    assert [len(row.unique()) for row in odds] == [5, 5, 5]
    torch.testing.assert_close(odds, noisy_or_odds(logits.double()).float(), rtol=1e-4, atol=1e-4)
    torch.nn.functional.cross_entropy(
        pooled_logits(Pooling("noisy-or"), logits), torch.tensor([0, 1, 2])
    ).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_more_tiles_that_show_a_class_make_it_likelier() -> None:
    logits = tiles(8, 3)
    chances = torch.stack([noisy_or_odds(logits[:count]) for count in range(1, 9)])
    assert (chances.diff(dim=0) > 0).all()


@pytest.mark.parametrize("top_k", [0.0, -1.0, 1.5, float("nan")])
def test_a_top_k_that_is_neither_share_nor_number_is_refused(top_k: float) -> None:
    with pytest.raises(InputError, match="`top_k` is a share of an image's tiles"):
        Pooling("top-k", top_k=top_k)


def test_what_cannot_be_pooled_is_refused() -> None:
    with pytest.raises(InputError, match="`top_k` takes 7 tiles, and an image has 6; give fewer"):
        pooled_logits(Pooling("top-k", top_k=7), tiles(2, 6, 3))
    with pytest.raises(InputError, match="'attention' needs a network that was trained with"):
        pooled_logits(Pooling("attention"), tiles(2, 6, 3))
    with pytest.raises(InputError, match="unknown pooling 'maximum'"):
        Pooling("maximum")  # type: ignore[arg-type]
