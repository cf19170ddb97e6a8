"""The table of what many classes take."""

from benchmarks.many_classes import table


def test_each_number_of_classes_is_a_row() -> None:
    rows = [
        {"classes": 10, "seconds": 9.96, "memory": 175 * 2**20, "disk": 2**20},
        {"classes": 10_000, "seconds": 13.0, "memory": 2**30, "disk": 3 * 2**20},
    ]
    assert table(rows).splitlines()[2:] == [
        "| 10 | 10.0 s | 175 MiB | 1.0 MiB |",
        "| 10,000 | 13.0 s | 1024 MiB | 3.0 MiB |",
    ]
