"""The recipe for continuing from a run's weights."""

from dataclasses import replace

from nearsight.settings import Recipe

# Tried on a validation split of STL-10's training images, of half their size, with five plants (tint, digits,
# mark, watermark, border) in 90 % of a class each, one seed. For whole images, the accuracy on these classes'
# images without their plant was 0.12 before. With the plants added to images of other classes, it became 0.13 and
# 0.19 after 0.15 of the steps, at 0.3 of the rates and at the full rates; 0.22 and 0.28 after 0.3 of the steps;
# and 0.22 after 0.6 at 0.3 of the rates. With each plant in half of all images, it became 0.32 after 0.3 of the
# steps at 0.3 of the rates, 0.44 at the full rates, and 0.45 after 0.6 of the steps. For tiles, with the plants
# added to images of other classes, it was 0.25 before, and 0.21 and 0.23 after 0.3 of the steps, at 0.3 of the
# rates and at the full rates. Both were measured before half of the images stayed unchanged. With that, on two
# networks of three plants each (STL-10 by tiles, CIFAR-10 by whole images), images without their plant were right
# 0.51 and 0.43 after 0.3 of the steps, and 0.55 and 0.54 after 0.6; classes without a plant 0.47 and 0.61, and
# 0.48 and 0.61.
SHARE_OF_STEPS = 0.6


def fine_tuning(recipe: Recipe, *, steps: int | None = None) -> Recipe:
    """Return the recipe of a training that continues from the weights of a run of this recipe (`begin`).

    >>> tuned = fine_tuning(Recipe(steps=1000, learning_rate=0.1))
    >>> tuned.steps, tuned.learning_rate
    (600, 0.1)

    It takes a share of the run's steps, or epochs, at the run's own rates, which fall as the run's did. On
    training images with planted shortcuts, more was unlearned at these rates than at 0.3 of them in every trial
    on whole images, and more in 0.6 of the steps than in 0.3. Tiles have the run's last size from the first step
    on. `steps` are optimizer steps instead of that share.
    """
    epochs, share = recipe.epochs, None
    if recipe.steps is None:
        epochs = recipe.epochs * SHARE_OF_STEPS
    else:
        share = max(1, round(recipe.steps * SHARE_OF_STEPS))
    return replace(
        recipe,
        pretrained=False,
        weights_of=None,
        head_first=0.0,
        tile_schedule=None,
        epochs=epochs,
        steps=share if steps is None else steps,
    )
