"""A classifier as a file that runs without Nearsight: ONNX, TorchScript, torch.export; compared before it is kept."""

import copy
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nearsight.errors import InputError, first_line, unknown_name
from nearsight.models.classifier import Classifier
from nearsight.models.outputs import is_seen
from nearsight.models.saved_classifiers import describe_classifier
from nearsight.settings.choices import ExportFormat
from nearsight.settings.pooled import BY_MEAN
from nearsight.shortage import is_shortage
from nearsight.write import plain, refusal_of, replace_atomically

# Under this key, or in this file, an exported network says what its classes are and how images are prepared.
DESCRIPTION_KEY = "nearsight"
DESCRIPTION_FILE = "nearsight.json"
IMAGES, LOGITS = "images", "logits"

# As a share of the largest logit: a rewritten graph may differ by this much, because it sums in another order.
TOLERANCE = 1e-4
# The graph is made from one batch and compared on others.
_MADE_FROM, _COMPARED = 2, (2, 5)
_GROWN = (5, 8)

Run = Callable[[Tensor], Tensor]


class _Format(NamedTuple):
    suffix: str
    write: Callable[[nn.Module, Tensor, Path, str, bool], None]
    read: Callable[[Path], Run]


def export_classifier(
    classifier: Classifier, path: Path, form: ExportFormat, *, tile: int | None = None
) -> tuple[str, ...]:
    """Write a classifier's network to a file, after comparing the file's output with the network's.

    >>> import tempfile
    >>> from nearsight.models import Architecture, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> path = Path(tempfile.mkdtemp()) / "model.pt2"
    >>> export_classifier(toy, path, "torch-export")
    ('compared on 2 and 5 random tiles of 16×16 pixels', 'it takes images of 16×16 pixels alone, in this format')

    The file takes normalised float32 images (B, 3, H, W), with any B, and gives logits (B, classes). Height and
    width are free if the network allows it; otherwise they are those of the tile, and the returned sentences say
    so. Class names, tile and preprocessing are in the file: in the ONNX metadata under `nearsight`, in the others
    as the extra file nearsight.json, both as in model.json.

    Raises `InputError` for a model that is not a PyTorch network, if no size of images is known, if the network
    cannot be written in that form, and if the file's logits differ from the network's; nothing is kept then.
    """
    if form not in FORMATS:
        raise unknown_name("format", form, FORMATS)
    if not is_seen(classifier.network):
        raise InputError(
            f"'{classifier.architecture.name}' is not a PyTorch network, and only those can be exported"
        )
    side = tile or classifier.tile or classifier.architecture.tile
    if side is None:
        raise InputError(
            "nothing says for which size of images the network is; give it in pixels, such as `tile=32`"
        )
    network = copy.deepcopy(classifier).cpu().float().eval()
    tiles = _random_tiles(classifier, max(_COMPARED), (side, side))
    grown = _random_tiles(classifier, _MADE_FROM, (side + _GROWN[0], side + _GROWN[1]))
    # The graph's input and output are the same for all: the classifier transforms them itself.
    described = copy.copy(network)
    described.preprocessing = replace(network.preprocessing, layout="NCHW")
    described.output, described.outputs = None, "logits"
    left: tuple[str, ...] = ()
    if network.architecture.attention:
        described.architecture = replace(network.architecture, attention=False)
        described.pooling = BY_MEAN
        left = ("it gives the logits of tiles, and not the attention by which they make one prediction here",)
    description = json.dumps(plain(describe_classifier(described)))
    chosen = FORMATS[form]
    faults = []
    for free in (True, False):
        compared = [tiles[:count] for count in _COMPARED] + ([grown] if free else [])
        try:
            with torch.inference_mode(), _quiet():
                expected = [network(batch) for batch in compared]
        except Exception as error:
            # A network of one size says so in its own words.
            faults.append(first_line(error))
            continue
        try:
            with replace_atomically(path) as temporary:
                with torch.no_grad(), _quiet():
                    chosen.write(network, tiles[:_MADE_FROM], temporary, description, free)
                    found = chosen.read(temporary)
                    given = [found(batch) for batch in compared]
                _compare(given, expected, form)
        except InputError as error:
            if isinstance(error.__cause__, OSError):  # what the disk refuses, it refuses to any format
                raise
            faults.append(str(error))
            continue
        counts = " and ".join(map(str, _COMPARED))
        size = f"compared on {counts} random tiles of {side}×{side} pixels"
        if free:
            return (f"{size}, and on images of {side + _GROWN[0]}×{side + _GROWN[1]}", *left)
        return (size, f"it takes images of {side}×{side} pixels alone, in this format", *left)
    raise InputError(
        f"'{classifier.architecture.name}' cannot be exported as {form}: {faults[-1]}; try another format: "
        f"{', '.join(FORMATS)}"
    )


def _random_tiles(classifier: Classifier, count: int, size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(256, (count, 3, *size), dtype=torch.uint8, generator=generator)
    return classifier.preprocessing.normalise(drawn)


def _compare(given: list[Tensor], expected: list[Tensor], form: str) -> None:
    for one, other in zip(given, expected, strict=True):
        if one.shape != other.shape:
            raise InputError(
                f"the {form} file gives {tuple(one.shape)} where the network gives {tuple(other.shape)}"
            )
        apart = float((one - other).abs().max())
        if not apart <= TOLERANCE * max(1.0, float(other.abs().max())):
            raise InputError(f"the {form} file's logits differ from the network's by {apart:.3g}")


def _not_installed() -> InputError:
    return InputError(
        "a file of ONNX needs onnx and onnxruntime, which are not both installed; pip install 'nearsight[onnx]'"
    )


def _write_onnx(network: nn.Module, images: Tensor, path: Path, description: str, free: bool) -> None:
    try:
        import onnx
    except ImportError as error:
        raise _not_installed() from error
    axes = {0: "batch"} | ({2: "height", 3: "width"} if free else {})
    with _as_input_error("onnx"):
        # The exporter of PyTorch's graphs of operations; the newer one needs another package.
        torch.onnx.export(
            network,
            (images,),
            str(path),
            dynamo=False,
            input_names=[IMAGES],
            output_names=[LOGITS],
            dynamic_axes={IMAGES: axes, LOGITS: {0: "batch"}},
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {DESCRIPTION_KEY: description})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _read_onnx(path: Path) -> Run:
    try:
        import onnxruntime
    except ImportError as error:
        raise _not_installed() from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        with _as_input_error("onnx"):
            return torch.from_numpy(session.run([LOGITS], {IMAGES: images.numpy()})[0])

    return run


def _write_torchscript(network: nn.Module, images: Tensor, path: Path, description: str, free: bool) -> None:
    # A trace accepts images of any size that its operations accept; whether it gives the same is compared.
    del free
    # Not into the file: PyTorch ends the process if the disk is full.
    held = BytesIO()
    with _as_input_error("torchscript"):
        traced = torch.jit.trace(network, images, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, held, _extra_files={DESCRIPTION_FILE: description})
    path.write_bytes(held.getvalue())


def _read_torchscript(path: Path) -> Run:
    with _quiet():
        module: nn.Module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]

    def run(images: Tensor) -> Tensor:
        with _as_input_error("torchscript"):
            found: Tensor = module(images)
            return found

    return run


def _write_torch_export(network: nn.Module, images: Tensor, path: Path, description: str, free: bool) -> None:
    free_axes = {0: torch.export.Dim("batch")}
    if free:
        free_axes |= {2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    held = BytesIO()
    with _as_input_error("torch-export"):
        program = torch.export.export(network, (images,), dynamic_shapes=(free_axes,))
        torch.export.save(program, held, extra_files={DESCRIPTION_FILE: description})
    path.write_bytes(held.getvalue())


def _read_torch_export(path: Path) -> Run:
    module = torch.export.load(str(path)).module()

    def run(images: Tensor) -> Tensor:
        with _as_input_error("torch-export"):
            found: Tensor = module(images)
            return found

    return run


FORMATS: Mapping[str, _Format] = MappingProxyType(
    {
        "onnx": _Format(".onnx", _write_onnx, _read_onnx),
        "torchscript": _Format(".torchscript", _write_torchscript, _read_torchscript),
        "torch-export": _Format(".pt2", _write_torch_export, _read_torch_export),
    }
)


@contextmanager
def _as_input_error(form: str) -> Iterator[None]:
    """Raise an exporter's message, as a fault of the network in that form; their errors share no class."""
    try:
        yield
    except (InputError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        # What the machine lacks is not a fault of the network.
        if is_shortage(error) or refusal_of(error) is not None:
            raise
        raise InputError(f"{form} does not take it ({type(error).__name__}: {first_line(error)})") from error


@contextmanager
def _quiet() -> Iterator[None]:
    # PyTorch calls both older exporters deprecated, and warns of what a trace fixes; the comparison checks that.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
