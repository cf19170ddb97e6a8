"""The logits of every tile of an image, exactly and fast."""

import sys
from types import ModuleType
from typing import Any

from nearsight.evidence.engine import evidence, iterate_evidence
from nearsight.evidence.estimate import Estimate, estimate
from nearsight.evidence.forward import Model, forward
from nearsight.evidence.map import EvidenceMap, TileEvidence, signed
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
    "signed",
]


class _Verb(ModuleType):
    # The room and the verb have one name, and `nearsight.evidence` is the room once anything imports it.
    def __call__(self, *arguments: Any, **options: Any) -> list[EvidenceMap]:
        return evidence(*arguments, **options)


sys.modules[__name__].__class__ = _Verb
