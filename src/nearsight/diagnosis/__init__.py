"""What a classifier uses, where it errs, and whether it looks at the object or at the background."""

from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.errors.flip import Flip, smallest_flip
from nearsight.diagnosis.errors.image_errors import ConfusionPair, Errors, ImageError
from nearsight.diagnosis.faithfulness.maps import Faithfulness, MethodRow
from nearsight.diagnosis.labels.duplicates import Duplicate, near_duplicates
from nearsight.diagnosis.labels.part import Labels
from nearsight.diagnosis.labels.suspects import LabelSuspect
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.locality.sizes import Locality, SizeRow
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.parts import PARTS, TABLES
from nearsight.diagnosis.protocols.agreement import AgreementRow, Protocols
from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import AtlasTile, Reason
from nearsight.diagnosis.reliance.background import Reliance, RelianceRow
from nearsight.diagnosis.result import DIAGNOSIS, Diagnosis

__all__ = [
    "DIAGNOSIS",
    "PARTS",
    "TABLES",
    "AgreementRow",
    "Atlas",
    "AtlasTile",
    "ClassReasons",
    "ConfusionPair",
    "Diagnosis",
    "Duplicate",
    "Errors",
    "Faithfulness",
    "Flip",
    "ImageError",
    "LabelSuspect",
    "Labels",
    "Lead",
    "Locality",
    "MethodRow",
    "Nothing",
    "Part",
    "Protocols",
    "Reason",
    "Reliance",
    "RelianceRow",
    "SizeRow",
    "diagnose",
    "near_duplicates",
    "smallest_flip",
]
