"""Transfers give pictures what others have at a place or a frequency, and take it away again."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.attributes.curves import tone_curve
from nearsight.diagnosis.attributes.transfers import place_transfer, spectrum_transfer


def noise(count: int, seed: int, size: tuple[int, int] = (16, 16)) -> list[Tensor]:
    random = np.random.default_rng(seed)
    return [torch.from_numpy(random.integers(40, 220, (3, *size), dtype=np.uint8)) for _ in range(count)]


def stamped(pictures: list[Tensor], value: int = 250) -> list[Tensor]:
    found = [one.clone() for one in pictures]
    for one in found:
        one[:, 2:5, 3:9] = value
    return found


def test_a_stamp_is_put_where_it_is_and_nowhere_else() -> None:
    edit = place_transfer(noise(20, 0), stamped(noise(20, 1)))
    assert edit is not None
    (plain,) = noise(1, 2)
    (wanted,) = stamped([plain])
    assert (edit(plain).int() - wanted.int()).abs().max() <= 6
    assert plain.equal(noise(1, 2)[0])


def test_a_stamp_fits_pictures_of_other_sizes() -> None:
    edit = place_transfer(noise(20, 0), stamped(noise(20, 1)))
    assert edit is not None
    (plain,) = noise(1, 2, (32, 32))
    changed = edit(plain)
    assert changed.shape == plain.shape
    assert int(changed[:, 6:8, 9:15].min()) > 230
    assert changed[:, 20:].equal(plain[:, 20:])


def test_what_is_translucent_is_taken_away_again() -> None:
    light = [(one.float() * 0.5 + 100).byte() for one in noise(30, 1)]
    edit = place_transfer(noise(30, 0), light)
    assert edit is not None
    (plain,) = noise(1, 2)
    assert (edit.back(edit(plain)).int() - plain.int()).abs().float().mean() < 12


def test_pictures_that_do_not_differ_give_no_place_and_few_none() -> None:
    assert place_transfer(noise(20, 0), noise(20, 1)) is None
    assert place_transfer(noise(20, 0), stamped(noise(7, 1))) is None
    assert spectrum_transfer(noise(20, 0), noise(7, 1)) is None


def test_a_spectrum_is_given_and_taken_and_leaves_the_mean() -> None:
    soft = [torch.nn.functional.avg_pool2d(one[None].float(), 3, 1, 1)[0].byte() for one in noise(20, 1)]
    edit = spectrum_transfer(noise(20, 0), soft)
    assert edit is not None
    (plain,) = noise(1, 2)
    changed = edit(plain)
    assert float(changed.float().std()) < 0.6 * float(plain.float().std())
    assert abs(float(changed.float().mean() - plain.float().mean())) < 1
    assert float(edit.back(changed).float().std()) > 1.3 * float(changed.float().std())
    (larger,) = noise(1, 2, (24, 40))
    assert edit(larger).shape == larger.shape


@pytest.mark.parametrize("learn", [place_transfer, spectrum_transfer, tone_curve])
def test_a_learned_edit_is_made_weaker_and_stronger(learn) -> None:
    random = np.random.default_rng(0)
    plain = [torch.from_numpy(random.integers(60, 150, (3, 16, 16), dtype=np.uint8)) for _ in range(24)]
    changed = [(one.float() * 0.6 + 80).byte() for one in plain]
    changed = [torch.cat([one[:, :4] // 4, one[:, 4:]], dim=1) for one in changed]
    edit = learn(plain, changed)
    assert edit is not None

    def change(factor: float) -> float:
        return float((edit.times(factor)(plain[0]).int() - plain[0].int()).abs().float().mean())

    assert torch.equal(edit.times(1.0)(plain[0]), edit(plain[0]))
    assert change(0.0) < 0.5
    assert change(0.5) < change(1.0)
    assert change(1.0) < change(1.5)
