"""The bound model for evaluation, heatmaps and diagnosis: a given one, or one that is bound here."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from nearsight.errors import InputError
from nearsight.evidence import DEFAULT_MEMORY, TiledModel
from nearsight.models import Classifier
from nearsight.models.classifier import Network
from nearsight.models.said import Classes
from nearsight.settings import GridKind, Machine, ReadingOptions
from nearsight.settings.choices import DEFAULT_GRID
from nearsight.settings.pooled import Pooling, PoolingName, check_top_k
from nearsight.verbs.sources import AnyModel, find_classifier


class ModelOptions(TypedDict, total=False):
    """What every verb that uses a model takes and passes on to a `Binding`, which has the defaults."""

    tile: int | None
    stride: int | None
    grid: GridKind
    memory: int
    classes: Classes | None
    weights: str | Path | None
    network: Network | None
    pretrained: bool
    skip_blank: int | None
    pooling: PoolingName | None
    top_k: float | None


class LookingOptions(ModelOptions, ReadingOptions):
    """What every verb that uses a model with a data set takes."""


@dataclass(frozen=True)
class Binding:
    """How a verb was asked to use a model, with the names of its parameters."""

    tile: int | None = None
    stride: int | None = None
    grid: GridKind = DEFAULT_GRID
    memory: int = DEFAULT_MEMORY
    machine: Machine | None = None
    classes: Classes | None = None
    weights: str | Path | None = None
    network: Network | None = None
    pretrained: bool = True
    skip_blank: int | None = None
    pooling: PoolingName | None = None
    top_k: float | None = None

    def bind(self, model: AnyModel, *, tiled: bool = True, protocols: Collection[str] = ()) -> TiledModel:
        """Return the model bound to these settings; a `TiledModel` has its own, and accepts no others.

        >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, classes=("red", "green", "blue"))
        >>> Binding().bind(bound).model.classes
        ('red', 'green', 'blue')

        `tiled` says that a model needs a tile; `protocols` are those that are requested in addition to the
        decision, of which top-k also takes `top_k`. Raises `InputError` for settings that contradict those of a
        bound model, and where `find_classifier` and `TiledModel` do.
        """
        if isinstance(model, TiledModel):
            self._check_beside(model)
            if isinstance(model.model, Classifier):
                return model
            return model.with_model(Classifier.of(model.model, classes=model.classes, tile=model.tile))
        classifier = find_classifier(
            model,
            self.tile,
            self.pretrained,
            tiled=tiled,
            classes=self.classes,
            weights=self.weights,
            network=self.network,
        )
        if self.tile is None and classifier.tile is None:
            self._check_without_tile()
        pooling = self._pooling(classifier.pooling)
        if self.top_k is not None:
            check_top_k([pooling.name, *protocols])
        return TiledModel(
            classifier,
            tile=classifier.tile_to_look_at(self.tile) if tiled else self.tile,
            stride=self.stride,
            grid=self.grid,
            memory=self.memory,
            device=(self.machine or Machine()).torch_device(),
            skip_blank=self.skip_blank,
            pooling=pooling,
        )

    def _pooling(self, own: Pooling) -> Pooling:
        """Return the requested pooling, or else that of the classifier."""
        return Pooling(self.pooling or own.name, own.top_k if self.top_k is None else self.top_k)

    def _check_without_tile(self) -> None:
        asked_for = {
            "stride": self.stride is not None,
            "grid": self.grid != DEFAULT_GRID,
            "skip_blank": self.skip_blank is not None,
            "pooling": self.pooling is not None,
            "top_k": self.top_k is not None,
        }
        for name, asked in asked_for.items():
            if asked:
                raise InputError(
                    f"`{name}` needs tiles, and this classifier was trained on whole images; give a `tile` too, or "
                    f"leave `{name}` out"
                )

    def _check_beside(self, bound: TiledModel) -> None:
        said = {
            "tile": self.tile not in (None, bound.tile),
            "stride": self.stride not in (None, bound.stride),
            "grid": self.grid not in (DEFAULT_GRID, bound.grid),
            "pooling": self.pooling not in (None, bound.pooling.name),
            "top_k": self.top_k not in (None, bound.pooling.top_k),
            "memory": self.memory not in (DEFAULT_MEMORY, bound.memory),
            "skip_blank": self.skip_blank not in (None, bound.skip_blank),
            "classes": self.classes is not None,
            "weights": self.weights is not None,
            "network": self.network is not None,
        }
        for name, otherwise in said.items():
            if otherwise:
                way = (
                    "give its at(tile, stride)" if name in ("tile", "stride", "grid") else "bind it with that"
                )
                raise InputError(f"`{name}` does not go with a TiledModel, which is bound already; {way}")
