"""What the page says of a classifier that decides on whole images, on both sides of the gate."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.errors.image_errors import Errors
from nearsight.diagnosis.labels.part import Labels
from nearsight.report.page.class_rows import class_rows
from nearsight.report.page.diagnosis_page import diagnosis_html
from nearsight.statistics import Estimate


@pytest.fixture
def decided_whole(
    make_diagnosis: Callable[..., Diagnosis], make_gate: Callable[..., Any]
) -> Callable[..., Diagnosis]:
    """Return what makes a diagnosis of a classifier of whole images, with an agreement of its tiles."""

    def make(agreement: float) -> Diagnosis:
        found = make_diagnosis()
        errors: Errors = found["errors"]
        closed = agreement < 0.7
        changed = tuple(
            replace(
                error,
                kind="removal" if closed else "tile",
                flip=error.flip and replace(error.flip, area=0.25, holds=True, smallest=False),
                to_label=None,
            )
            for error in errors.errors
        )
        suspects = tuple(replace(one, share=None, share_label=None) for one in found["labels"].suspects)
        return replace(
            found,
            decision="full-pass",
            parts={
                **found.parts,
                "gate": make_gate("full-pass", 56, agreement),
                "errors": replace(errors, errors=changed, tried=20, hidden=Estimate(1.0, 0.8, 1.0, 20, 0.35)),
                "labels": Labels(suspects if closed else found["labels"].suspects, ()),
                "reasons": replace(found["reasons"], kind="removal" if closed else "tile", counted=30),
            },
        )

    return make


def test_below_the_gate_it_is_said_first_and_errors_show_what_is_lost(
    decided_whole: Callable[..., Diagnosis], parse: Callable[..., Any]
) -> None:
    found = decided_whole(0.4)
    html = diagnosis_html(found)
    text = parse(html).text
    assert found.sentences()[0].startswith("it decides on whole images, and tiles do not explain that")
    assert text.index("tiles do not explain that") < text.index("What is taken for what")
    assert "its loss without each tile" in text
    assert "20 of 56 are wrong under full-pass" in text.replace("images ", "")
    assert "35 % of these change" in text
    assert "by None" not in text
    assert "logits lost without the tile" in html


def test_above_it_the_maps_of_tiles_are_shown_and_flips_are_hidden(
    decided_whole: Callable[..., Diagnosis], parse: Callable[..., Any]
) -> None:
    text = parse(diagnosis_html(decided_whole(0.95))).text
    assert "tiles explain that" in text
    assert "its loss without each tile" not in text
    assert "to change it, hide" in text
    assert "on 25.0 % of the pixels" in text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_class_table_counts_the_errors_of_the_decision(decided_whole: Callable[..., Diagnosis]) -> None:
    found = decided_whole(0.4)
    wrong = np.bincount([error.label for error in found["errors"].errors], minlength=len(found.classes))
    assert [row.wrong for row in class_rows(found)] == wrong.tolist()


def test_a_decision_by_another_pooling_is_named_as_that(
    make_diagnosis: Callable[..., Diagnosis], make_gate: Callable[..., Any]
) -> None:
    found = make_diagnosis()
    gate = replace(make_gate("full-pass", 56, 0.9), protocol="top-k", tiles="top-k")
    page = diagnosis_html(replace(found, decision="top-k", parts={"gate": gate}))
    assert "It decides by its tiles (top-k, tile" in page
    assert "It decides by its tiles (mean-logit" not in page
