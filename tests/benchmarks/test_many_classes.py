"""A diagnosis of many classes is measured in a process of its own."""

from benchmarks.many_classes import measured


def test_what_is_measured_is_of_the_diagnosis() -> None:
    found = measured(classes=30, images=4)
    assert found["classes"] == 30
    assert found["seconds"] > 0
    assert found["memory"] >= 0
    # The page and the tables are written.
    assert found["disk"] > 10_000
