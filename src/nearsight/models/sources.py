"""A classifier from anything that classifies images."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError, first_line, unknown_name
from nearsight.models.building import build
from nearsight.models.classifier import Architecture, Classifier
from nearsight.models.exporting import DESCRIPTION_KEY
from nearsight.models.hugging_face import is_of_transformers, labels_of, preprocessing_of_processor
from nearsight.models.one_by_one import NOTE, in_batches, takes_one
from nearsight.models.onnx_session import OnnxFunction, OnnxSession
from nearsight.models.outputs import (
    Outputs,
    is_seen,
    logits_in,
    logits_name,
    output_tensors,
    outputs_look_like,
)
from nearsight.models.preprocessing import Preprocessing
from nearsight.models.probing import eval_mode, probing_tiles
from nearsight.models.published import (
    is_published,
    published_classifier,
    published_head,
    published_preprocessing,
)
from nearsight.models.said import Said, class_numbers, distinct
from nearsight.models.saved_classifiers import DESCRIPTION, load_classifier, read_description
from nearsight.models.weights import check_held, load_weights, read_weights, rows_of
from nearsight.settings.models import CUSTOM, MODELS, ONNX, TIMM, is_weights_file
from nearsight.settings.pooled import Pooling

# As they are stored, from black at 0 to white at 1.
_AS_STORED = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# Sides of images for probing a network that says nothing about its size; most accept the first, small ones the
# second.
_SIDES = (224, 32, 64, 96, 128, 160, 192, 256, 288, 299, 336, 384, 448, 512)


def classifier_of(source: Any, said: Said) -> Classifier:
    """Return the classifier made from `source`; what is `said` replaces what it knows: see `Classifier.of`."""
    if isinstance(source, Classifier):
        return _over(source, said)
    if isinstance(source, str | Path):
        return _of_text(str(source), said)
    if not isinstance(source, nn.Module) and callable(getattr(source, "classifier", None)):
        return _over(source.classifier(), said)
    pipeline = getattr(source, "image_processor", None)
    if pipeline is not None and isinstance(getattr(source, "model", None), nn.Module):
        # A Hugging Face pipeline holds both.
        source, said = source.model, replace(said, processor=said.processor or pipeline)
    if isinstance(source, OnnxSession) and not isinstance(source, nn.Module):
        return _of_session(source, said, said.name or "onnx")
    if isinstance(source, nn.Module):
        return _of_module(source, said)
    if callable(source):
        return _of_function(
            source, said, _AS_STORED, name=said.name or str(getattr(source, "__name__", "function"))
        )
    raise InputError(
        f"a classifier cannot be made of {type(source).__name__}; expected a network, a function from images "
        "(B, 3, H, W) to logits, an ONNX Runtime session, a run, or a name"
    )


def _over(classifier: Classifier, said: Said) -> Classifier:
    """Return a classifier with other names, tile or preprocessing around the same network."""
    if said == Said():
        return classifier
    names = said.class_names() or classifier.classes
    if len(names) != len(classifier.classes):
        raise InputError(
            f"classes has {len(names)} names, and the classifier knows {len(classifier.classes)} classes"
        )
    return Classifier(
        _with_weights(classifier.network, said),
        classifier.architecture,
        names,
        classifier.tile if said.tile is None else int(said.tile),
        said.over(classifier.preprocessing),
        output=classifier.output if said.output is None else said.output,
        outputs=said.outputs or classifier.outputs,
        pooling=classifier.pooling,
        notes=classifier.notes,
    ).train(classifier.training)


def _of_text(source: str, said: Said) -> Classifier:
    path = Path(source)
    if source.startswith(TIMM):
        return _of_published(source, said)
    if source in MODELS:
        return _of_ours(source, said)
    if path.suffix == ONNX:
        return _of_session(_session(path), said, said.name or path.stem)
    if path.is_dir() and (path / "config.json").is_file() and not (path / DESCRIPTION).exists():
        raise InputError(
            f"{source} has no {DESCRIPTION} of Nearsight, but a config.json: of timm it is "
            f"'timm:local-dir:{source}'; of Hugging Face give "
            "Classifier.of(AutoModelForImageClassification.from_pretrained(DIR), "
            "processor=AutoImageProcessor.from_pretrained(DIR))"
        )
    if path.is_dir():
        return _over(load_classifier(path), said)
    if is_weights_file(source):
        raise InputError(
            f"{source} holds weights, and not the network that they are of; give its name, as in "
            f"Classifier.of('timm:resnet18', weights={source!r})"
        )
    raise unknown_name(
        "model", source, [*MODELS, "timm:NAME", "FILE.onnx", f"a directory with {DESCRIPTION}"]
    )


def _of_published(name: str, said: Said) -> Classifier:
    names = said.class_names()
    state = None if said.weights is None else read_weights(said.weights)
    pretrained = said.pretrained and state is None
    count = None if names is None else len(names)
    if count is None and state is not None:
        count = _outputs_in(state, published_head(name))
    made = published_classifier(
        name, None if said.tile is None else int(said.tile), pretrained=pretrained, classes=count
    )
    if state is not None:
        load_weights(made.network, state, str(said.weights))
    return _over(made, replace(said, weights=None))


def _outputs_in(state: Mapping[str, Tensor], layers: Iterable[str]) -> int | None:
    return next((rows for layer in layers if (rows := rows_of(state, layer)) is not None), None)


def _of_ours(name: str, said: Said) -> Classifier:
    names = said.class_names()
    state = None if said.weights is None else read_weights(said.weights)
    if state is None and said.pretrained:
        raise InputError(
            f"there are no published weights for '{name}'; give a file of them as `weights`, or use initial "
            f"ones (pretrained=False)"
        )
    count = len(names) if names is not None else _outputs_in(state or {}, ["head"])
    if count is None:
        raise InputError(f"'{name}' needs the names of its classes, or their number (classes=)")
    tile = None if said.tile is None else int(said.tile)
    architecture = Architecture(name, count, said.width, tile)
    network = build(name, count, width=said.width, tile=tile)
    if state is not None:
        load_weights(network, state, str(said.weights))
    classes = names or distinct(class_numbers(count))
    made = Classifier(network, architecture, classes, tile, said.over(_AS_STORED), notes=_notes(said))
    return made.eval()


def _session(path: Path) -> OnnxSession:
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}; give a file of ONNX")
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            f"{path} needs onnxruntime, which is not installed; pip install 'nearsight[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Its warnings are for exporters; errors are raised.
    options.log_severity_level = 3
    try:
        session: OnnxSession = onnxruntime.InferenceSession(
            str(path), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:
        # Its errors do not share a class.
        raise InputError(f"ONNX Runtime cannot open {path}: {first_line(error)}") from error
    return session


def _of_session(session: OnnxSession, said: Said, name: str) -> Classifier:
    function = OnnxFunction(session, said.layout)
    known = replace(_AS_STORED, input_range="0-255") if function.whole_numbers else _AS_STORED
    description, pooling = _exported_with(session), Pooling()
    if description is not None:
        # What we exported ourselves says everything.
        found = read_description(description, name)
        pooling = found.pooling
        said = replace(
            said,
            classes=found.classes if said.classes is None else said.classes,
            tile=found.tile if said.tile is None else said.tile,
            preprocessing=found.preprocessing if said.preprocessing is None else said.preprocessing,
        )
    if function.image_size is not None:
        known = replace(known, crop=function.image_size)
        height, width = function.image_size
        if said.tile is None and height == width:
            said = replace(said, tile=height)
    # The session is given images in PyTorch's layout, and converts them itself.
    made = _of_function(function, replace(said, layout=None), known, name=name)
    made.pooling = pooling
    return made


def _exported_with(session: OnnxSession) -> str | None:
    # Replacements of a session may leave this out.
    about = getattr(session, "get_modelmeta", None)
    try:
        return None if about is None else about().custom_metadata_map.get(DESCRIPTION_KEY)
    except UnicodeDecodeError as error:
        raise InputError("what the ONNX file says of itself is not UTF-8 text; export it again") from error


def _of_module(network: nn.Module, said: Said) -> Classifier:
    check_held(network)
    network = _with_weights(network, said)
    name = said.name or type(network).__name__
    if said.processor is not None:
        known: Preprocessing | None = preprocessing_of_processor(said.processor)
    elif is_published(network):
        known = published_preprocessing(network)
    else:
        known = None
    labels = labels_of(network) if is_of_transformers(network) else None
    if labels is not None and said.classes is None:
        said = replace(said, classes=labels)
    if known is None and is_of_transformers(network) and not said.normalises:
        raise InputError(
            f"{name} comes with a processor that says how it takes images; give both to "
            "Classifier.of(model, processor=…), or say mean and std"
        )
    if known is not None:
        said = replace(said, preprocessing=said.over(known))
    return _of_function(network, said, _AS_STORED, name=name)


def _with_weights(network: Any, said: Said) -> Any:
    if said.weights is None:
        return network
    if not is_seen(network):
        raise InputError("weights are for networks of PyTorch; this model has its own")
    network = copy.deepcopy(network)
    load_weights(network, read_weights(said.weights), str(said.weights))
    return network


def _of_function(network: Any, said: Said, known: Preprocessing, *, name: str) -> Classifier:
    """Return the classifier of a network about which only running it tells anything."""
    if said.weights is not None and not isinstance(network, nn.Module):
        raise InputError("weights are for networks of PyTorch; this model has its own")
    preprocessing = said.over(known)
    names = said.class_names()
    notes = list(_notes(said))
    rows, output = None, said.output
    refusal: Exception = InputError("no size was tried")
    for side in _sides(network, said, preprocessing):
        try:
            rows, output, alone = in_batches(network, partial(_rows, side, preprocessing, names, said))
            notes += [NOTE] if alone else []
            break
        except InputError as error:
            # What is not clear at one size is not clear at another.
            refusal = error
            if rows is not None or "which of" in str(error) or said.output is not None:
                raise
        except Exception as error:
            refusal = error
    if rows is None:
        if names is None:
            raise InputError(
                f"{name} refuses images of every size that was tried ({first_line(refusal)}); give classes= and "
                "tile="
            ) from refusal
        outputs: Outputs = said.outputs or "logits"
        notes.append(f"{name} could not be tried: it refuses images of every size that was tried")
    else:
        outputs, told = _outputs(rows, said)
        notes += told
        count = 2 if rows.shape[1] == 1 and outputs in ("logit", "probability") else rows.shape[1]
        if names is None:
            names = distinct(class_numbers(count))
            notes.append(f"{name} gives {count} logits, whose classes are numbered as none were named")
        elif len(names) != count:
            raise InputError(
                f"classes has {len(names)} names, and {name} gives {rows.shape[1]} numbers an image"
                f"{', which stand for two classes' if rows.shape[1] == 1 else ''}"
            )
    architecture = Architecture(CUSTOM + name, len(names))
    tile = None if said.tile is None else int(said.tile)
    return Classifier(
        network, architecture, names, tile, preprocessing, output=output, outputs=outputs, notes=tuple(notes)
    )


def _sides(network: Any, said: Said, preprocessing: Preprocessing) -> Iterator[tuple[int, int]]:
    """Yield heights and widths at which to try a network, the likeliest first."""
    if said.tile is not None:
        yield int(said.tile), int(said.tile)
    for size in (preprocessing.crop, preprocessing.resize_to):
        if size is not None:
            yield size
    own = getattr(getattr(network, "config", None), "image_size", None)
    if own is not None:
        yield (own, own) if isinstance(own, int) else (own[0], own[-1])
    yield from ((side, side) for side in _SIDES)


def _rows(
    size: tuple[int, int],
    preprocessing: Preprocessing,
    names: tuple[str, ...] | None,
    said: Said,
    network: Any,
) -> tuple[Tensor, str, bool]:
    """Return a network's output for four inputs of a size, as rows, its name, and whether it was given them one by
    one.
    """
    weights = network.parameters() if isinstance(network, nn.Module) else iter(())
    first = next((weight for weight in weights if weight.is_floating_point()), torch.zeros(0))
    tiles = probing_tiles(torch.zeros(3, *size, device=first.device, dtype=first.dtype))
    if preprocessing.layout == "NHWC":
        tiles = tiles.permute(0, 2, 3, 1).contiguous()
    with torch.inference_mode(), eval_mode(network):
        found = network(tiles)
    classes = None if names is None else len(names)
    if classes == 2 and said.output is None and len(output_tensors(found)) > 1:
        # One number may stand for two classes.
        try:
            name = logits_name(found, len(tiles), classes=2)
        except InputError:
            name = logits_name(found, len(tiles), classes=1)
    else:
        name = logits_name(found, len(tiles), classes=classes, wanted=said.output)
    return logits_in(found, name), name, takes_one(network)


def _outputs(rows: Tensor, said: Said) -> tuple[Outputs, list[str]]:
    seems = outputs_look_like(rows)
    outputs = said.outputs or ("logits" if seems == "probabilities" else seems)
    if (rows.shape[1] == 1) != (outputs in ("logit", "probability")):
        raise InputError(
            f"outputs '{outputs}' does not fit a model that gives {rows.shape[1]} numbers an image"
        )
    if said.outputs is None and rows.shape[1] == 1:
        return outputs, [
            f"the model gives one number per image, which looks like a {outputs}: two classes are made of it, and it "
            "speaks for the second (say outputs='logit' or 'probability' to decide)"
        ]
    if said.outputs is None and seems == "probabilities":
        return outputs, [
            "the model gives probabilities, not logits, and evidence is in shares of 1; outputs='probabilities' "
            "takes their logarithm"
        ]
    return outputs, []


def _notes(said: Said) -> tuple[str, ...]:
    if said.normalises:
        return ()
    return ("nothing was said of mean and std: the model is given pixels from 0 for black to 1 for white",)
