"""A model made ready to run, and what running it has shown: shared by everything that uses it."""

import contextlib
import copy
from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError, first_line
from nearsight.evidence.behaviour import behaviour
from nearsight.evidence.dense import DensePass, find_dense_pass
from nearsight.evidence.embedding import embed
from nearsight.evidence.forward_pass import Model, bound, device_of, forward
from nearsight.evidence.memory import UNSEEN_FACTOR, Footprints
from nearsight.evidence.tile_settings import TileSettings
from nearsight.evidence.winograd import Winograd
from nearsight.models import Classifier
from nearsight.models.banded import Banded
from nearsight.models.one_by_one import NOTE, takes_one
from nearsight.models.outputs import is_seen
from nearsight.models.probing import refuses_layout
from nearsight.shortage import is_shortage

# The share of the memory for stacks of whole images; the rest is for batches of tiles or parts of images.
STACK_SHARE = 1 / 8
BATCH_SHARE = 3 / 4
FULL_PASS_SHARE = 1 / 4
# The share of the memory for weights in another form.
WEIGHTS_SHARE = 1 / 2

_WATCHED_VALUES = 8
_MIB = 2**20
# If a model has no tile, the memory of a pass is measured on images of this side.
_MEASURED_SIDE = 64
# One pass may always take this much: it is about what PyTorch itself takes, and a lower bound has small batches.
LEAST_PASS = 64 * _MIB


class ReadyModel:
    """A model ready to run, with everything that probing it has found; it is probed when this is first needed.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> ready = ReadyModel(network, TileSettings(tile=3, memory=2**20))
    >>> ready.together((3, 3, 3)) > 1, ready.probes
    (True, 1)
    >>> ready.together((3, 4, 4)) > 1, ready.probes
    (True, 1)

    A module is `copied`, in eval mode, to the device and with weights in channels-last order, unless it cannot be
    copied; then it is used as it is. `refresh` notices that the given module has changed since, and makes it
    ready again. `probes` counts how often the model was run to find out how it behaves.
    """

    def __init__(
        self,
        given: Model,
        settings: TileSettings,
        *,
        classes: tuple[str, ...] | None = None,
        copied: bool = True,
    ) -> None:
        self.given, self.memory, self.dtype = given, settings.memory, settings.dtype
        self.preprocessing = given.preprocessing if isinstance(given, Classifier) else None
        self.device = settings.device if settings.device is not None else device_of(given)
        self.probes = 0
        self._tile, self._classes, self._copied = settings.tile, classes, copied
        self.rebind()

    def rebind(self) -> None:
        """Use the model as it is now, and forget what was found about it before."""
        self._mark = _mark(self.given)
        self._attending: Model | None = None
        self.model: Model = self._made_ready()
        self._settled = False
        # Whether it takes one image at a time, once it has settled.
        self.takes_one = False
        self._notes: tuple[str, ...] | None = None
        self.seen = is_seen(self.given)
        self._footprints = Footprints(self.seen)
        self._dense: dict[int, DensePass | None] = {}
        self._checked: dict[int, set[tuple[int, int]]] = {}
        # For sizes of images with boxes in them, the reason why passes over windows are not used; empty if they
        # are.
        self.windows: dict[object, str] = {}
        self.winograd = Winograd(most=self._room(WEIGHTS_SHARE))

    def refresh(self) -> None:
        """Rebind if the weights of the given model have changed."""
        if _mark(self.given) != self._mark:
            self.rebind()

    @property
    def module(self) -> nn.Module:
        """The model as it runs, a module; raises `InputError` if it is not PyTorch."""
        if isinstance(self.model, nn.Module):
            return self.model
        raise InputError(
            f"the model is {type(self.given).__name__}, no PyTorch module, and has no layers to look at"
        )

    def settle(self, image: Tensor, *, whole: bool = False) -> None:
        """Find, before the first image is evaluated, where the logits are in the model's output.

        The model runs where the image is if neither its weights nor the user says where. It is tried on a tile,
        or on the `whole` image if it will see no tiles.
        """
        if self._settled:
            return
        self.device = self.device if self.device is not None else image.device
        tile = None if whole else self._tile
        height, width = (min(side, tile or side) for side in image.shape[-2:])
        number = None if self._classes is None else len(self._classes)
        try:
            self.model = bound(self.model, self.example((len(image), height, width)), classes=number)
        except Exception as error:
            if isinstance(error, InputError) or is_shortage(error):
                raise
            # At a size that it does not accept, a model may raise anything.
            raise InputError(
                f"the model refuses images of {height}×{width} pixels ({first_line(error)}); choose another tile, "
                "or build the model for that size"
            ) from error
        self._settled, self.takes_one = True, takes_one(self.model)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn decoded images, uint8 (..., 3, H, W), into the model's input form; float ones are only moved."""
        if images.dtype != torch.uint8:
            return images.detach().to(self.device, self.dtype)
        if self.preprocessing is None:
            raise InputError(
                "images are torch.uint8, and a bare model does not say how they are normalised; give float images "
                "as the model takes them, or a Classifier, which knows"
            )
        return self.preprocessing.normalise(images.to(self.device)).to(self.dtype)

    def resize(self, image: Tensor) -> Tensor:
        """Resize a decoded image as the model's preprocessing says; other images stay as they are."""
        if image.dtype != torch.uint8 or self.preprocessing is None:
            return image
        return self.preprocessing.resize(image)

    def resize_banded(self, image: Banded) -> Tensor | Banded:
        """Resize an image that is read by bands: itself if its size stays, otherwise held in memory."""
        return image if self.preprocessing is None else self.preprocessing.resize_banded(image)

    def whole(self, image: Tensor) -> Tensor:
        """Return what a full pass sees of an image: resized, and cropped if the preprocessing says so."""
        if self.preprocessing is None:
            return image
        return self.preprocessing.cut_whole(self.resize(image))

    def notes(self, tile: Tensor) -> tuple[str, ...]:
        """Return what a user should know about the model, found by running it on a few tiles like one of its own."""
        if self._notes is None:
            told = self.given.notes if isinstance(self.given, Classifier) else ()
            if self.takes_one and NOTE not in told:
                told = (*told, NOTE)
            known = any("probabilities" in note for note in told)
            found = [
                finding.sentence
                for finding in behaviour(self.logits, tile)
                if not (known and finding.kind == "probabilities")
            ]
            self._notes = (*told, *found)
        return self._notes

    @property
    def attends(self) -> bool:
        """Whether the model gives the attention of tiles too."""
        return self._attending is not None

    @property
    def of_tiles(self) -> Model:
        """A function that gives the logits of tiles and, if the model `attends`, their attention after them."""
        return self.model if self._attending is None else self._attending

    def logits(self, batch: Tensor) -> Tensor:
        """Return the logits of a batch in the model's input form, (B, classes)."""
        return forward(self.model, batch)

    def embed(self, batch: Tensor) -> Tensor:
        """Return the embeddings of a batch in the model's input form, (B, features)."""
        if self.takes_one:
            return torch.cat([embed(self.model, one) for one in torch.split(batch, 1)])
        return embed(self.model, batch)

    def together(self, shape: tuple[int, ...], share: float = BATCH_SHARE) -> int:
        """Return how many inputs of a shape (C, H, W) go through the model at once within a share of the memory."""
        fitting, probed = self._footprints.fitting(self.logits, self.example(shape), self._room(share))
        self.probes += probed
        return fitting

    def check_fits(self, shape: tuple[int, ...]) -> None:
        """Raise `InputError`, before it is run, if one pass over a shape (C, H, W) exceeds the memory.

        The memory is estimated in proportion to that of smaller inputs. For a model whose inside PyTorch does not
        see, nothing is known, and nothing is refused.
        """
        channels, height, width = shape
        size = channels * height * width * self.dtype.itemsize
        allowed = max(self.memory, LEAST_PASS)
        if not self.seen or UNSEEN_FACTOR * size <= allowed:
            return
        # Without memory of its own, because only its shape is used.
        whole = torch.zeros(1, device=self.device, dtype=self.dtype).expand(shape)
        needed, probed = self._footprints.one(self.logits, whole, self._tile or _MEASURED_SIDE)
        self.probes += probed
        # The image exists as floats twice, before and after it is normalised.
        needed += 2 * size
        if needed > allowed:
            raise InputError(
                f"a full pass over {height}×{width} pixels takes about {-(-needed // _MIB):,.0f} MiB, and "
                f"{allowed / _MIB:,.0f} MiB are allowed; give `memory={-(-needed // _MIB) * _MIB:.0f}`, leave out "
                "full-pass, or have images resized (resize_short)"
            )

    def dense(self, tile: int, channels: int) -> DensePass | None:
        """Return how passes over whole images give the logits of tiles of a size; None if they do not.

        A model that does not accept them at the first size, because it pads, is not probed at others. For a model
        that takes one image at a time, they would be made image by image, which they are not made for.
        """
        if self.takes_one:
            return None
        if tile not in self._dense:
            if None in list(self._dense.values())[:1]:
                return None
            self.probes += 1
            found = find_dense_pass(self.of_tiles, self.example((channels, tile, tile)), tile)
            self._dense[tile] = None if found is None else found.within(self._room(BATCH_SHARE))
        return self._dense[tile]

    def checked_sizes(self, tile: int) -> set[tuple[int, int]]:
        """Return the sizes of images whose passes were compared with tiles of a size; more can be added to it."""
        return self._checked.setdefault(tile, set())

    def refuse_dense(self, tile: int) -> None:
        """Remember that passes over whole images do not give what tiles alone give, whatever the probes say."""
        self._dense[tile] = None

    def example(self, shape: tuple[int, ...]) -> Tensor:
        """Return an input of zeros in the model's input form."""
        return torch.zeros(shape, device=self.device, dtype=self.dtype)

    def _room(self, share: float) -> int:
        return round(self.memory * share)

    def _made_ready(self) -> Model:
        given = self.given
        if not callable(given):
            return given
        owned = False
        if self._copied and isinstance(given, nn.Module):
            # Whatever hooks, handles and half-built layers raise, the module itself can still be run.
            with contextlib.suppress(Exception):
                given, owned = copy.deepcopy(given).to(self.device).eval(), True
        if isinstance(given, Classifier) and given.architecture.attention:
            self._attending = _AnyLayout(_Attending(given), owned=owned)
        return _AnyLayout(given, owned=owned)


class _Attending(nn.Module):
    """A classifier as a module that gives logits and attention."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.training = classifier.training

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier.with_attention(images)


class _AnyLayout(nn.Module):
    """Runs a model on channels-last images, or on contiguous ones from the first that it refuses otherwise."""

    def __init__(self, model: Callable[[Tensor], Any], *, owned: bool) -> None:
        super().__init__()
        # Whether the model itself is in training mode is not decided here.
        self.training = False
        self.model = model
        self._owned = owned
        self._contiguous = False
        self._taken: set[tuple[torch.Size, bool]] = set()
        self._order_weights(torch.channels_last)

    def forward(self, images: Tensor) -> Any:
        if self._contiguous:
            return self.model(images.contiguous())
        kind = (images.shape[1:], images.is_contiguous())
        if kind in self._taken:
            return self.model(images)
        # A model may have worked in place before it refuses.
        kept = images.clone()
        try:
            output = self.model(images)
        except Exception as error:
            if not refuses_layout(error):
                raise
            self._order_weights(torch.contiguous_format)
            output = self.model(kept.contiguous())
            self._contiguous = True
            return output
        self._taken.add(kind)
        return output

    def _order_weights(self, order: torch.memory_format) -> None:
        # Weights in channels-last order make channels-last maps, whatever the images are.
        if self._owned and isinstance(self.model, nn.Module):
            with torch.inference_mode(False):
                for tensor in chain(self.model.parameters(), self.model.buffers()):
                    if tensor.ndim == 4:
                        tensor.data = tensor.data.contiguous(memory_format=order)


def _mark(model: Model) -> tuple[object, ...]:
    """Return values that differ if a module's weights have changed: their places, versions and a few numbers."""
    if not isinstance(model, nn.Module):
        return ()
    tensors = list(chain(model.parameters(), model.buffers()))
    marks: list[object] = [
        (id(tensor), tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in tensors
    ]
    # Fused optimizers change weights but not their versions.
    weights = [tensor for tensor in model.parameters() if tensor.numel()]
    # As text, in which NaN equals itself.
    return (*marks, str(weights[-1].detach().flatten()[:_WATCHED_VALUES].tolist()) if weights else "")
