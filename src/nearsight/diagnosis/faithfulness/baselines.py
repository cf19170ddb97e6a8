"""Maps that evidence maps are compared with: random, edges, and Grad-CAM."""

import copy
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nearsight.diagnosis.faithfulness.feature_maps import as_feature_map, last_feature_map
from nearsight.evidence import Model
from nearsight.evidence.forward_pass import run_model
from nearsight.models import Classifier
from nearsight.models.one_by_one import in_batches
from nearsight.models.outputs import LogitsOf, logits_in, logits_name

PACKAGE = "pytorch_grad_cam"
GRAD_CAM = "grad-cam"
LEFT_OUT = "Grad-CAM is left out"


def random_map(image: Tensor, generator: torch.Generator) -> Tensor:
    """Return an independent uniform value for each pixel of an image (3, H, W), float32 (H, W).

    >>> random_map(torch.zeros(3, 4, 5), torch.Generator()).shape
    torch.Size([4, 5])
    """
    return torch.rand(image.shape[1:], generator=generator)


def edge_map(image: Tensor) -> Tensor:
    """Return how steep the mean of an image's channels is at each pixel, by Sobel's filters, float32 (H, W).

    >>> edge_map(torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]).expand(3, 3, 4))[1].tolist()
    [0.0, 4.0, 4.0, 0.0]

    `image` is float (3, H, W), as the model takes it. This map does not use the model.
    """
    from scipy.ndimage import sobel

    grey = image.mean(0).cpu().numpy()
    return torch.from_numpy(np.hypot(sobel(grey, axis=0), sobel(grey, axis=1)))


Explain = Callable[[Tensor, int], Tensor]
"""Makes the map (H, W) of an image (3, H, W), as the model takes it, for a class."""


def grad_cam(model: Model, example: Tensor, classes: int | None = None) -> tuple[Explain | None, str]:
    """Return a function that makes the Grad-CAM of an image (3, H, W) for a class, (H, W), and a note on it.

    Selvaraju et al., arXiv 1610.02391, by the package grad-cam, in the full pass, at the layer that
    `last_feature_map` finds and the note names; tokens are arranged in the shape of the image. The layers before
    it run without gradients, so that it takes no more memory than a full pass. The function is None, and the note
    says why, if the package is not installed, the model has no such map, or anything fails on `example`, which is
    one image. `classes` is the number of logits, if known. The function raises what the model and the package
    raise on an image of another size.
    """
    if find_spec(PACKAGE) is None:
        return None, f"{LEFT_OUT}: its package is not installed (pip install 'nearsight[peers]')"
    if not isinstance(model, nn.Module):
        return None, f"{LEFT_OUT}: it needs the gradients of a PyTorch module"
    try:
        # A copy, because it is watched and its weights are frozen.
        copied = copy.deepcopy(model).to(example.device)
        # Gradients of narrow convolutions in channels-last order have crashed PyTorch (training/layout.py).
        for tensor in (*copied.parameters(), *copied.buffers()):
            tensor.data = tensor.data.contiguous()
        own = _LogitsAlone(copied, example, classes).eval()
        layer = last_feature_map(own, example)
        if layer is None:
            return (
                None,
                f"{LEFT_OUT}: no layer puts out a map of more than one place that the logits depend on",
            )
        explain = _explain(own, layer)
        explain(example, 0)
    except Exception as error:
        # A network that is differentiated and watched, not only run, may do anything.
        return None, left_out(error)
    path = next(path for path, part in own.named_modules() if part is layer)
    return explain, f"Grad-CAM at {path.removeprefix(_prefix(own))}, in the full pass"


def left_out(error: Exception) -> str:
    """Say that Grad-CAM is left out, and the error that is the reason, in one line.

    >>> left_out(ValueError("no gradient\\nhere"))
    'Grad-CAM is left out: it ended in ValueError: no gradient here'
    """
    said = " ".join(str(error).split())
    return f"{LEFT_OUT}: it ended in {type(error).__name__}: {said[:200]}"


def _explain(model: nn.Module, layer: nn.Module) -> Callable[[Tensor, int], Tensor]:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    size = torch.Size([0, 0])

    def as_map(output: Tensor) -> Tensor:
        found = as_feature_map(output, size)
        if found is None or found[0, 0].numel() < 2:
            raise ValueError(
                f"the layer's {tuple(output.shape)} are no map of an image of {size[0]}×{size[1]}"
            )
        return found

    model.requires_grad_(False)
    layer.register_forward_hook(_start_gradients)
    cam = GradCAM(model=model, target_layers=[layer], reshape_transform=as_map)

    def explain(image: Tensor, class_number: int) -> Tensor:
        nonlocal size
        size = image.shape[-2:]
        with torch.enable_grad():
            return torch.from_numpy(cam(image[None].clone(), [ClassifierOutputTarget(class_number)])[0])

    return explain


def _start_gradients(_layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    # Not a leaf: later operations may work in place.
    return output.detach().requires_grad_().clone()


class _LogitsAlone(nn.Module):
    """A network that returns its logits, whatever it returns them in, and that can be differentiated."""

    def __init__(self, network: nn.Module, example: Tensor, classes: int | None) -> None:
        super().__init__()
        pair = example.expand(2, *example.shape).contiguous()
        self.network = network
        self._name = in_batches(network, lambda able: logits_name(run_model(able, pair), 2, classes=classes))

    def forward(self, images: Tensor) -> Tensor:
        return logits_in(self.network(images), self._name)


def _prefix(model: _LogitsAlone) -> str:
    """Return the prefix of a layer's own name: ours, and those of modules wrapped around a network."""
    prefix, inside = "network.", model.network
    while isinstance(inside, Classifier | LogitsOf):
        name = "network" if isinstance(inside, Classifier) else "model"
        prefix, inside = f"{prefix}{name}.", getattr(inside, name)
    return prefix
