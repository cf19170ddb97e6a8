"""timm's published networks as classifiers: with their own preprocessing and class names."""

from collections import Counter

from nearsight.errors import InputError, unknown_name
from nearsight.models.build import build
from nearsight.models.classifier import Architecture, Classifier, Interpolation, Preprocessing
from nearsight.settings.models import TIMM


def published_classifier(name: str, tile: int, *, pretrained: bool = True) -> Classifier:
    """Return a network of timm with its published weights, preprocessing and class names, for tiles of a side.

    >>> classifier = published_classifier("timm:resnet18", tile=32, pretrained=False)
    >>> classifier.classes[0], classifier.preprocessing.resize_short
    ('tench, Tinca tinca', 235)

    Images are brought to the short side at which timm evaluates the network, and not cut to a square.
    `pretrained=False` keeps initial weights: a control that has learned nothing. The classes have their
    ImageNet names, a name of two classes with the class's number; where the number of outputs is of no
    ImageNet, they are numbers. Raises `InputError` for a name that is not of timm, for a network that is
    published without classes, and what `build` raises.
    """
    import timm

    known = name.removeprefix(TIMM)
    if not name.startswith(TIMM) or not timm.is_model(known):
        raise unknown_name("published model", name, [TIMM + other for other in timm.list_models()])
    try:
        published = timm.get_pretrained_cfg(known)
    except RuntimeError as error:
        raise InputError(f"'{name}' cannot be had: {error}") from error
    if not published or not published.num_classes:
        raise InputError(
            f"'{name}' is published without classes: it gives features, not logits; take another network or "
            f"train a run with it"
        )
    count = published.num_classes
    network = build(name, count, pretrained=pretrained, tile=tile).eval()
    interpolation: Interpolation = "bilinear" if published.interpolation == "bilinear" else "bicubic"
    preprocessing = Preprocessing(
        _triple(published.mean),
        _triple(published.std),
        int(min(published.input_size[1:]) / published.crop_pct),
        interpolation,
    )
    return Classifier(network, Architecture(name, count, tile=tile), _class_names(count), tile, preprocessing)


def _triple(values: tuple[float, ...]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _class_names(count: int) -> tuple[str, ...]:
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return tuple(map(str, range(count)))
    info = ImageNetInfo(subset)
    names = [str(info.index_to_description(number)) for number in range(count)]
    shared = {name for name, holders in Counter(names).items() if holders > 1}
    return tuple(f"{name} ({number})" if name in shared else name for number, name in enumerate(names))
