"""The recipe of going on from a run's weights."""

from dataclasses import replace

from nearsight.settings import Recipe

SHARE_OF_STEPS = 0.3
FACTOR_OF_RATES = 0.3


def fine_tuning(recipe: Recipe, *, steps: int | None = None) -> Recipe:
    """Return the recipe of a training that goes on from the weights of a run of this recipe (`begin`).

    >>> tuned = fine_tuning(Recipe(steps=1000, learning_rate=0.1))
    >>> tuned.steps, round(tuned.learning_rate, 6)
    (300, 0.03)

    It takes a share of the run's steps, or epochs, and of its rates, which fall as the run's own do; tiles are of
    the run's last size from the first step on. `steps` are optimizer steps in place of that share.
    """
    epochs, share = recipe.epochs, None
    if recipe.steps is None:
        epochs = recipe.epochs * SHARE_OF_STEPS
    else:
        share = max(1, round(recipe.steps * SHARE_OF_STEPS))
    return replace(
        recipe,
        pretrained=False,
        tile_schedule=None,
        epochs=epochs,
        steps=share if steps is None else steps,
        learning_rate=recipe.learning_rate * FACTOR_OF_RATES,
        bias_learning_rate=recipe.bias_learning_rate * FACTOR_OF_RATES,
        head_learning_rate=recipe.head_learning_rate * FACTOR_OF_RATES,
    )
