"""The weights of a run of one's own, or in a file, from which another run starts."""

from dataclasses import replace

import torch
from torch import nn

from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.models.gated_attention import attention_names
from nearsight.models.last_layer import last_layer
from nearsight.models.weights import load_weights, read_weights
from nearsight.progress import Progress
from nearsight.runs import Run
from nearsight.settings import Recipe


def begin_with_own_weights(
    network: nn.Module, recipe: Recipe, classes: tuple[str, ...], progress: Progress
) -> Preprocessing:
    """Give a network the weights of the run that a recipe names, and return that run's preprocessing.

    >>> begin_with_own_weights(network, Recipe(weights_of="runs/first"), classes, progress)  # doctest: +SKIP

    If the classes are not those of that run, the last layer keeps the weights that the network came with. Images
    are resized to the recipe's own size. Raises `InputError` for a run that is not finished, and if its network
    is another.
    """
    assert recipe.weights_of is not None
    held = Run.open(recipe.weights_of).classifier()
    made = held.architecture
    if (made.name, made.width) != (recipe.model, recipe.width):
        raise InputError(
            f"`weights_of` is a run of {made.name} of width {made.width:g}, and what is trained is {recipe.model} of "
            f"width {recipe.width:g}; leave `model` and `width` out, or give those of the run"
        )
    if made.attention and recipe.pooling != "attention":
        raise InputError(
            f"`weights_of` is a run with attention, and pooling is '{recipe.pooling}'; give `pooling='attention'`"
        )
    same = held.classes == classes
    new = () if same else last_layer(network)
    if recipe.pooling == "attention" and not made.attention:
        with torch.random.fork_rng(devices=[]):
            replace(made, attention=True).finished(held.network)
        new = (*new, *attention_names(network))
    load_weights(network, held.network.state_dict(), f"the run {recipe.weights_of}", new=new)
    head = "the last layer included" if same else "and a new last layer, as the classes are others"
    progress.say(f"starts from the weights of {recipe.weights_of}, {head}")
    return replace(held.preprocessing, resize_short=recipe.resize_short, resize_to=None, crop=None)


def begin_with_file(network: nn.Module, recipe: Recipe, progress: Progress) -> None:
    """Give a network the weights in the file that a recipe names, all but those of the last layer.

    >>> begin_with_file(network, Recipe(weights_of="resnet18.pth", model="timm:resnet18"), progress)  # doctest: +SKIP

    A file does not say which classes its last layer tells apart, so that layer keeps the weights that the network
    came with. Raises `InputError` for a file that cannot be read, and if it holds the weights of another network.
    """
    assert recipe.weights_of is not None
    weights = read_weights(recipe.weights_of)
    try:
        load_weights(network, weights, recipe.weights_of, new=last_layer(network))
    except InputError as error:
        raise InputError(
            f"{error}; `model` is {recipe.model}: give the network whose weights the file holds"
        ) from error
    progress.say(f"starts from the weights in {recipe.weights_of}, with a new last layer")
