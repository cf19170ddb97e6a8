"""Rates by batch: each size is timed, and the package's own choice stands beside them."""

from benchmarks.batches import measure_network, table

from nearsight.evidence.memory import ALIVE_KEPT


def test_every_size_has_a_rate_and_the_choice_keeps_to_its_bound() -> None:
    row = measure_network("airbench", 8, sizes=[1, 4], turns=1)
    assert list(row["images_per_second"]) == [1, 4]
    assert all(rate > 0 for rate in row["images_per_second"].values())
    assert row["chosen"] * row["bytes_alive_an_image"] <= ALIVE_KEPT


def test_the_table_marks_the_best_rate() -> None:
    row = {"network": "n", "side": 8, "bytes_alive_an_image": 2**19, "chosen": 4}
    made = table([row | {"images_per_second": {1: 10.0, 4: 30.0}}])
    assert made.splitlines()[-1] == "| n | 8 | 0.50 | 10 | **30** | 4 |"
