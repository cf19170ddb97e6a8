"""Write a model to a file that runs without Nearsight."""

from pathlib import Path

from nearsight.arguments import checked
from nearsight.errors import InputError
from nearsight.launch import in_one_process
from nearsight.models.exporting import FORMATS, export_classifier
from nearsight.progress import Progress, watched
from nearsight.runs import Run
from nearsight.settings.choices import ExportFormat
from nearsight.shortage import tells_of_memory
from nearsight.verbs.sources import AnyModel, find_classifier, model_name
from nearsight.write import keep_inputs


@tells_of_memory("exporting")
@in_one_process
@checked
def export(
    model: AnyModel,
    *,
    format: ExportFormat = "onnx",  # noqa: A002 (as the option is called)
    out: str | Path | None = None,
    tile: int | None = None,
    pretrained: bool = True,
    progress: Progress | bool = True,
) -> Path:
    """Write a model as ONNX, TorchScript or torch.export, and return the file's path.

    >>> import tempfile
    >>> from torch import nn
    >>> from nearsight import Classifier
    >>> network = nn.Sequential(nn.Conv2d(3, 2, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> toy = Classifier.of(network, classes="cat,dog", tile=16, mean=0.5, std=0.5)
    >>> file = export(toy, format="onnx", out=f"{tempfile.mkdtemp()}/toy.onnx", progress=False)
    >>> Classifier.of(file).classes
    ('cat', 'dog')

    `model` is a run, or anything that `Classifier.of` takes if it is a PyTorch network. The file's logits are
    compared with the model's, on random tiles and on batches of two sizes, before the file is kept. It holds the
    class names, the tile and the preprocessing, which `Classifier.of` reads from ONNX. `out` is by default
    model.onnx, model.torchscript or model.pt2 in the run's directory, or the model's name here. `tile` is the side
    of the images in pixels, if the model does not say it. `progress=False` shows nothing. Raises `InputError` for
    bad input, for an `out` that is a file of the model, and if the file would give other logits.
    """
    if format not in FORMATS:
        raise InputError(f"format must be one of {', '.join(FORMATS)}, got '{format}'")
    path = _default(model, format) if out is None else Path(out)
    keep_inputs(path, _files(model))
    with watched(progress) as channel:
        for note in export_classifier(find_classifier(model, tile, pretrained), path, format, tile=tile):
            channel.say(note)
    return path


def _files(model: AnyModel) -> list[Path]:
    """Return the files that a model is read from; a run's directory also holds what was exported from it."""
    if not isinstance(model, Run | str | Path):
        return []
    place = model.directory if isinstance(model, Run) else Path(model)
    exported = {one.suffix for one in FORMATS.values()}
    return [file for file in place.iterdir() if file.suffix not in exported] if place.is_dir() else [place]


def _default(model: AnyModel, form: ExportFormat) -> Path:
    suffix = FORMATS[form].suffix
    if isinstance(model, Run):
        return model.directory / f"model{suffix}"
    if isinstance(model, str | Path) and Path(model).is_dir():
        return Path(model) / f"model{suffix}"
    return Path(f"{model_name(model).replace(':', '-').replace('/', '-')}{suffix}")
