"""The recipe of continuing from a run's weights."""

from dataclasses import replace

import pytest

from nearsight.settings import RECIPES
from nearsight.training import fine_tuning
from nearsight.training.training_run import total_steps
from nearsight.training.tuning import SHARE_OF_STEPS


@pytest.mark.parametrize("steps", [None, 1000])
def test_it_takes_a_share_of_the_steps_at_the_rates_of_the_run(steps: int | None) -> None:
    recipe = replace(RECIPES["fast"], steps=steps, tile_schedule="8@0.5", tile=16)
    tuned = fine_tuning(recipe)
    share = total_steps(tuned, 50_000) / total_steps(recipe, 50_000)
    assert share == pytest.approx(SHARE_OF_STEPS, rel=0.01)
    for rate in ("learning_rate", "bias_learning_rate", "head_learning_rate"):
        assert getattr(tuned, rate) == getattr(recipe, rate)
    assert tuned.tile_schedule is None
    assert (tuned.batch_size, tuned.weight_decay) == (recipe.batch_size, recipe.weight_decay)


def test_steps_that_are_asked_for_are_taken() -> None:
    assert total_steps(fine_tuning(RECIPES["fast"], steps=7), 50_000) == 7
    assert fine_tuning(replace(RECIPES["fast"], steps=1)).steps == 1
