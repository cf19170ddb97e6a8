"""Maps that evidence maps are measured beside: random, edges, and Grad-CAM."""

import copy
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nearsight.evidence import Model

PACKAGE = "pytorch_grad_cam"


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

    `image` is float (3, H, W), as the model takes it: it knows nothing of the model.
    """
    from scipy.ndimage import sobel

    grey = image.mean(0).cpu().numpy()
    return torch.from_numpy(np.hypot(sobel(grey, axis=0), sobel(grey, axis=1)))


def grad_cam(model: Model, example: Tensor) -> tuple[Callable[[Tensor, int], Tensor] | None, str]:
    """Return a function that makes the Grad-CAM of an image (3, H, W) for a class, (H, W), and a note on it.

    Selvaraju et al., arXiv 1610.02391, by the package grad-cam, at the last feature map with more than one
    place, in the full pass. None, with the reason as the note, where the package is not installed or the model
    has no such map. `example` is one image.
    """
    if find_spec(PACKAGE) is None:
        return None, "Grad-CAM is left out: its package is not installed (pip install nearsight[peers])"
    # A copy: gradients are left in it.
    own = copy.deepcopy(model).eval().requires_grad_() if isinstance(model, nn.Module) else None
    layer = None if own is None else last_feature_map(own, example)
    if layer is None:
        return None, "Grad-CAM is left out: the model has no convolution whose output has more than one place"
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    cam = GradCAM(model=own, target_layers=[layer])

    def explain(image: Tensor, class_number: int) -> Tensor:
        return torch.from_numpy(cam(image[None].clone(), [ClassifierOutputTarget(class_number)])[0])

    return explain, "Grad-CAM is taken at the last feature map with more than one place, in the full pass"


def last_feature_map(model: nn.Module, image: Tensor) -> nn.Module | None:
    """Return the part of a model, with a convolution in it, that last puts out a map of more than one place.

    >>> convolution = nn.Conv2d(3, 4, 3)
    >>> network = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> last_feature_map(network, torch.zeros(3, 8, 8)) is convolution
    True
    """
    found: list[nn.Module] = []

    def collect(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
            found.append(module)

    parts = [part for part in model.modules() if any(isinstance(m, nn.Conv2d) for m in part.modules())]
    handles = [part.register_forward_hook(collect) for part in parts]
    try:
        with torch.no_grad():
            model(image[None])
    finally:
        for handle in handles:
            handle.remove()
    return found[-1] if found else None
