"""How scored blocks of images and their evidence maps are kept on disk, and on what they depend."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.data import ImageSet
from nearsight.evaluation.five_crop import FiveCrop
from nearsight.evaluation.kept_blocks import BlockForm
from nearsight.evaluation.scoring import PartScores
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models.weights_digest import digest_of_weights

# Maps that take more than this, together or in a block, are not kept: they would fill the disk or the memory.
MOST_KEPT, MOST_OF_BLOCK = 4 * 2**30, 256 * 2**20
_MAP, _SCORES = "map", "scores"
# In the settings of an evaluation.
CONTENT = "content"
# Where an object lies differs in each process.
_ADDRESS = re.compile("0x[0-9a-f]+")


@dataclass(frozen=True, eq=False)
class ScoredBlock:
    """The scores of a block of images and, if they are observed, their evidence maps."""

    scores: PartScores
    maps: tuple[EvidenceMap, ...] = ()


def _packed_maps(maps: Sequence[EvidenceMap]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    packed = [each.packed() for each in maps]
    tensors = {f"{_MAP}.{number}": logits.clone() for number, (logits, _) in enumerate(packed)}
    return tensors, {"maps": [description for _, description in packed]}


def _unpacked_maps(tensors: Mapping[str, Tensor], said: Mapping[str, Any]) -> tuple[EvidenceMap, ...]:
    return tuple(
        EvidenceMap.unpacked(tensors[f"{_MAP}.{number}"], description, "a kept map")
        for number, description in enumerate(said["maps"])
    )


def _packed(block: ScoredBlock) -> tuple[dict[str, Tensor], dict[str, Any]]:
    part = block.scores
    tensors, said = _packed_maps(block.maps)
    scores = {f"{_SCORES}.{name}": torch.from_numpy(rows.copy()) for name, rows in part.scores.items()}
    # Tensors come back in another order, and the first block gives that of all results.
    kept = {"protocols": list(part.scores), "left_out": dict(part.left_out), "tiles": part.tiles}
    return {**scores, **tensors}, {**said, **kept}


def _unpacked(tensors: Mapping[str, Tensor], said: Mapping[str, Any]) -> ScoredBlock:
    scores = {name: tensors[f"{_SCORES}.{name}"].numpy() for name in said["protocols"]}
    part = PartScores(scores, dict(said["left_out"]), int(said["tiles"]))
    return ScoredBlock(part, _unpacked_maps(tensors, said))


SCORED = BlockForm[ScoredBlock](_packed, _unpacked)
MAPS = BlockForm[Sequence[EvidenceMap]](_packed_maps, _unpacked_maps)


def can_keep_maps(blocks: Iterable[int], classes: int) -> bool:
    """Whether the maps of blocks with so many tiles each can be kept.

    >>> can_keep_maps([1_000_000, 1_000_000], classes=8), can_keep_maps([1_000_000], classes=1000)
    (True, False)
    """
    sizes = [4 * classes * tiles for tiles in blocks]
    return sum(sizes) <= MOST_KEPT and max(sizes, default=0) <= MOST_OF_BLOCK


def made_with(
    bound: TiledModel,
    images: ImageSet,
    passes: Mapping[str, TiledModel | FiveCrop],
    tiled: Sequence[str],
) -> dict[str, Any] | None:
    """Return all that the scores of images depend on; None for a model whose weights cannot be told from others."""
    model = made_by(bound)
    networks = {
        name: _network(one.bound if isinstance(one, FiveCrop) else one) for name, one in passes.items()
    }
    if model is None or None in networks.values():
        return None
    return {
        **model,
        "passes": {name: one.shifts.settings() for name, one in passes.items() if isinstance(one, FiveCrop)},
        "networks of passes": networks,
        "tiled": list(tiled),
        **told_apart_by(images),
    }


def told_apart_by(images: ImageSet) -> dict[str, Any]:
    """Return what differs for images of other pixels."""
    identity = sha256("\n".join([*images.identity.digests, str(images.sizes.tolist())]).encode())
    # The same file gives other pixels in another range.
    return {"images": identity.hexdigest(), "range": images.value_range}


def content_of(images: ImageSet) -> str:
    """Return what differs for images of other pixels, and for other labels, in an evaluation's settings.

    >>> from nearsight.data import load
    >>> digits = load("digits")["test"]
    >>> content_of(digits) == content_of(digits.select([*range(len(digits))])) != content_of(digits.select([0]))
    True
    """
    labels = [images.classes[label] for label in images.labels.tolist()]
    return sha256(json.dumps([told_apart_by(images), labels]).encode()).hexdigest()[:32]


def made_by(bound: TiledModel) -> dict[str, Any] | None:
    """Return all of a bound model that maps and scores depend on; None if its weights cannot be told from others."""
    network = _network(bound)
    if network is None:
        return None
    return {
        "network": network,
        "preprocessing": None if bound.preprocessing is None else asdict(bound.preprocessing),
        "tile": [bound.tile, bound.stride, bound.grid, bound.skip_blank],
        "pooling": asdict(bound.pooling),
        "device": bound.device.type,
        "memory": bound.memory,
        "versions": versions(),
    }


def versions() -> list[str]:
    """Return the versions of what computes results, which may differ in their last digits from one to the next."""
    return [version(name) for name in ("nearsight", "torch")]


def _network(bound: TiledModel) -> str | None:
    """Return what differs for other weights, or other layers, of which some have none, such as activations."""
    network = bound.model
    if not isinstance(network, nn.Module) or (weights := digest_of_weights(network)) is None:
        return None
    layers = _ADDRESS.sub("", nn.Module.__repr__(network))
    return sha256(f"{weights} {layers}".encode()).hexdigest()
