"""Relative evidence: a tile's logits beside one another."""

import torch

from nearsight.diagnosis.relative import relative

LOGITS = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3


def test_a_number_added_to_all_logits_of_a_tile_changes_nothing() -> None:
    shift = torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 50
    torch.testing.assert_close(relative(LOGITS + shift), relative(LOGITS))


def test_it_is_the_centred_log_ratio_of_the_probabilities() -> None:
    probabilities = LOGITS.softmax(0)
    geometric = probabilities.prod(0) ** (1 / 5)
    torch.testing.assert_close(relative(LOGITS), (probabilities / geometric).log())


def test_the_classes_of_a_tile_sum_to_nothing_and_keep_their_differences() -> None:
    found = relative(LOGITS)
    torch.testing.assert_close(found.sum(0), torch.zeros(3, 4, dtype=torch.float64))
    torch.testing.assert_close(found[1] - found[4], LOGITS[1] - LOGITS[4])


def test_one_class_alone_has_no_relative_evidence() -> None:
    assert relative(LOGITS[:1]).abs().max() == 0
