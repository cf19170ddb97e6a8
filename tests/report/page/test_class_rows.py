"""The table of classes: counts are those of the set and its errors."""

from collections.abc import Callable

import numpy as np

from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.report.page.class_rows import class_rows


def test_counts_and_the_most_frequent_confusion(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis()
    labels = diagnosis.pictures.images.labels
    for number, row in enumerate(class_rows(diagnosis)):
        wrong = [error.prediction for error in diagnosis["errors"].errors if error.label == number]
        assert (row.images, row.wrong) == (int((labels == number).sum()), len(wrong))
        assert row.taken_for.count == max(wrong.count(prediction) for prediction in wrong)
        assert row.reasons == diagnosis["reasons"].classes[number].reasons


def test_classes_of_one_name_keep_their_own_rows(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis(count=16, wrong=4, names=["crane"] * 8)
    rows = class_rows(diagnosis)
    assert [row.reasons for row in rows] == [one.reasons for one in diagnosis["reasons"].classes]


def test_a_class_without_images_and_no_atlas(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis(
        count=8, wrong=0, numbers=np.zeros(8, dtype=np.int64), reasons=Atlas(()), reliance=None
    )
    first, *others = class_rows(diagnosis)
    assert (first.images, first.wrong, first.taken_for, first.reasons) == (8, 0, None, ())
    assert all(row.images == 0 for row in others)
    assert class_rows(make_diagnosis(count=8, wrong=0, errors=None))[0].wrong is None
