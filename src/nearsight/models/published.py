"""timm's published networks as classifiers: with their own preprocessing and class names."""

from dataclasses import asdict
from typing import Any

from torch import nn

from nearsight.errors import InputError, unknown_name
from nearsight.models.building import build, is_elsewhere
from nearsight.models.classifier import Architecture, Classifier
from nearsight.models.preprocessing import Interpolation, Preprocessing, triple
from nearsight.models.said import class_numbers, distinct
from nearsight.read import belonging_together
from nearsight.settings.models import TIMM

_INTERPOLATIONS: dict[str, Interpolation] = {
    "bilinear": "bilinear",
    "nearest": "nearest",
    "lanczos": "lanczos",
}


def published_classifier(
    name: str, tile: int | None, *, pretrained: bool = True, classes: int | None = None
) -> Classifier:
    """Return a timm network with its published weights, preprocessing and class names, for tiles of a side.

    >>> classifier = published_classifier("timm:resnet18", tile=32, pretrained=False)
    >>> classifier.classes[0], classifier.preprocessing.resize_short
    ('tench, Tinca tinca', 235)

    `name` is "timm:NAME", "timm:hf-hub:OWNER/NAME" or "timm:local-dir:DIRECTORY". Images are resized to the short
    side at which timm evaluates the network, and not cut to a square; only a full pass of a network that accepts
    one size sees the middle of that size, for which the network is built. `tile` None builds it for its published
    size. `pretrained=False` keeps initial weights: a control that has learned nothing. `classes` is their number,
    if it is not the published one. The classes have the names of the network's own configuration or of ImageNet;
    a name that two classes share gets the class's number. If the number of outputs is not ImageNet's, they are
    numbers. Raises `InputError` for a name that is not timm's, for a network that is published without classes,
    and where `build` does.
    """
    import timm

    known = name.removeprefix(TIMM)
    if not name.startswith(TIMM) or not (timm.is_model(known) or is_elsewhere(name)):
        raise unknown_name("published model", name, [TIMM + other for other in timm.list_models()])
    # Other authors may have written anything into a network's configuration.
    with belonging_together(f"the configuration of '{name}'", "give a network as timm saves it"):
        return _published(name, known, tile, pretrained, classes)


def _published(name: str, known: str, tile: int | None, pretrained: bool, classes: int | None) -> Classifier:
    network = build(name, classes, pretrained=pretrained, tile=tile) if is_elsewhere(name) else None
    config: Any = _published_config(name, known) if network is None else network.pretrained_cfg
    count: Any = classes if classes is not None else getattr(network, "num_classes", config["num_classes"])
    if not count:
        raise InputError(
            f"'{name}' is published without classes: it gives features, not logits; take another network or "
            f"train a run with it"
        )
    if network is None:
        network = build(name, count, pretrained=pretrained, tile=tile)
    architecture = Architecture(name, count, tile=tile)
    names = _class_names(count, config)
    return Classifier(network, architecture, names, tile, _preprocessing(config, tile)).eval()


def _published_config(name: str, known: str) -> dict[str, Any]:
    import timm

    try:
        published = timm.get_pretrained_cfg(known)
    except RuntimeError as error:
        raise InputError(f"'{name}' cannot be obtained: {error}") from error
    return {"num_classes": 0} if not published else asdict(published)


def takes_one_size(network: nn.Module) -> bool:
    """Say whether a timm network is built for images of one size, and accepts no other."""
    config = getattr(network, "pretrained_cfg", None)
    return isinstance(config, dict) and bool(config.get("fixed_input_size"))


def is_published(network: nn.Module) -> bool:
    """Say whether a network was made by timm, and so has a configuration that says how it takes images."""
    return isinstance(getattr(network, "pretrained_cfg", None), dict) and hasattr(network, "num_classes")


def published_preprocessing(network: nn.Module) -> Preprocessing:
    """Return the preprocessing in the configuration of a network that timm made.

    >>> import timm
    >>> published_preprocessing(timm.create_model("resnet18")).mean
    (0.485, 0.456, 0.406)
    """
    config: Any = network.pretrained_cfg
    return _preprocessing(config, None)


def published_head(name: str) -> tuple[str, ...]:
    """Return the possible names of the last layer of a timm network.

    >>> published_head("timm:resnet18")
    ('fc',)
    """
    import timm

    known = name.removeprefix(TIMM)
    config = timm.get_pretrained_cfg(known, allow_unregistered=True) if timm.is_model(known) else None
    head = getattr(config, "classifier", None) or ()
    return (head,) if isinstance(head, str) else tuple(head)


def _preprocessing(config: dict[str, Any], tile: int | None) -> Preprocessing:
    height, width = config["input_size"][1:]
    whole = config.get("fixed_input_size") and tile in (None, height)
    return Preprocessing(
        triple(config["mean"]),
        triple(config["std"]),
        int(min(height, width) / config["crop_pct"]),
        _INTERPOLATIONS.get(config["interpolation"], "bicubic"),
        crop=(height, width) if whole else None,
    )


def _class_names(count: int, config: dict[str, Any]) -> tuple[str, ...]:
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    labels = config.get("label_names")
    if labels and len(labels) == count:
        described = config.get("label_descriptions") or {}
        return distinct([str(described.get(label, label)) for label in labels])
    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return distinct(class_numbers(count))
    info = ImageNetInfo(subset)
    return distinct([str(info.index_to_description(number)) for number in range(count)])
