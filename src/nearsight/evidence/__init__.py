"""The logits of every tile of an image, exactly and fast."""

from nearsight.evidence.cost import Cost
from nearsight.evidence.engine import evidence
from nearsight.evidence.forward_pass import Model, forward
from nearsight.evidence.map import EvidenceMap, TileEvidence
from nearsight.evidence.tiled_model import TiledModel
from nearsight.settings.choices import DEFAULT_MEMORY

__all__ = [
    "DEFAULT_MEMORY",
    "Cost",
    "EvidenceMap",
    "Model",
    "TileEvidence",
    "TiledModel",
    "evidence",
    "forward",
]
