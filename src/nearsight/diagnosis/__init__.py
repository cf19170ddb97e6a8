"""What a classifier uses, where it errs, and whether it looks at the object or at the background."""

from nearsight.diagnosis.atlas import Atlas, ClassReasons
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.duplicates import Duplicate, near_duplicates
from nearsight.diagnosis.errors import ConfusionPair, Errors, ImageError
from nearsight.diagnosis.faithfulness import Faithfulness, MethodRow
from nearsight.diagnosis.flip import Flip, smallest_flip
from nearsight.diagnosis.locality import AgreementRow, Locality, SizeRow
from nearsight.diagnosis.reasons import AtlasTile, Reason
from nearsight.diagnosis.reliance import Reliance, RelianceRow
from nearsight.diagnosis.result import DIAGNOSIS, Diagnosis
from nearsight.diagnosis.suspects import LabelSuspect
from nearsight.diagnosis.tables import TABLES

__all__ = [
    "DIAGNOSIS",
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
    "Locality",
    "MethodRow",
    "Reason",
    "Reliance",
    "RelianceRow",
    "SizeRow",
    "diagnose",
    "near_duplicates",
    "smallest_flip",
]
