"""The logits of every tile of an image, exactly and fast."""

from nearsight.evidence.engine import evidence, iterate_evidence
from nearsight.evidence.estimates import Estimate, estimate
from nearsight.evidence.forward_pass import Model, forward
from nearsight.evidence.map import EvidenceMap, TileEvidence
from nearsight.evidence.memory import DEFAULT_MEMORY, fitting_batch

__all__ = [
    "DEFAULT_MEMORY",
    "Estimate",
    "EvidenceMap",
    "Model",
    "TileEvidence",
    "estimate",
    "evidence",
    "fitting_batch",
    "forward",
    "iterate_evidence",
]
