"""The rows of a run: appended, and cut back to the checkpoint on resuming."""

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tests.processes import files_of

from nearsight.errors import InputError
from nearsight.training.metrics_log import COLUMNS, METRICS, MetricsLog, MetricsRow, check_rows, kept_rows


def row(step: int, loss: float = 1.5, val_accuracy: float | None = None) -> MetricsRow:
    return MetricsRow(step, step / 10, loss, 0.5, 0.1, val_accuracy, 100.0, 2.0 * step)


def steps(directory: Path) -> list[int]:
    with (directory / METRICS).open(newline="") as file:
        return [int(found["step"]) for found in csv.DictReader(file)]


def test_rows_are_on_disk_at_once_and_read_back_as_they_were(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.add(row(1, loss=1 / 3))
        log.add(row(2, val_accuracy=0.25))
        with (tmp_path / METRICS).open(newline="") as file:
            first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert float(first["loss"]) == 1 / 3
    assert (first["val_accuracy"], second["val_accuracy"]) == ("", "0.25")


def test_a_resumed_log_drops_later_and_half_written_rows(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        for step in (1, 2, 3, 4):
            log.add(row(step))
    path = tmp_path / METRICS
    whole = path.read_text()
    path.write_text(whole + "5,0.5,1.")
    with MetricsLog(tmp_path, step=3) as log:
        assert steps(tmp_path) == [1, 2, 3]
        log.add(row(4, loss=9.0))
    assert path.read_text() == whole.replace("4,0.4,1.5", "4,0.4,9.0")


def test_a_row_cut_anywhere_is_dropped_whole(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.add(row(1))
        log.add(row(2, val_accuracy=0.5))
    path = tmp_path / METRICS
    whole = path.read_bytes()
    start = whole.rindex(b"\n2,") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        with MetricsLog(tmp_path, step=9):
            assert steps(tmp_path) == [1]


def test_rows_are_the_same_with_other_ends_of_lines(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        log.add(row(1))
        log.add(row(2))
    digest, path = kept_rows(tmp_path), tmp_path / METRICS
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert kept_rows(tmp_path) == digest
    check_rows(tmp_path, 2, digest)
    with MetricsLog(tmp_path, step=2):
        assert path.read_bytes() == whole


def test_a_log_begun_anew_starts_empty(tmp_path: Path) -> None:
    for _ in range(2):
        with MetricsLog(tmp_path) as log:
            log.add(row(1))
    assert steps(tmp_path) == [1]


@pytest.mark.parametrize("checkpoint", [0, 2])
def test_tensorboard_shows_each_step_once_after_resuming(
    tmp_path: Path, checkpoint: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files of one second are read in the order of their numbers as text, in which the tenth precedes the ninth.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    with MetricsLog(tmp_path) as log:
        for step in (1, 2, 3):
            log.add(row(step, loss=1.0))
    with MetricsLog(tmp_path, step=checkpoint) as log:
        for step in range(checkpoint + 1, 5):
            log.add(row(step, loss=2.0))
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("training/loss")
    wanted = [(step, 1.0 if step <= checkpoint else 2.0) for step in (1, 2, 3, 4)]
    assert [(event.step, event.value) for event in events] == wanted


def failing(directory: Path, step: int, keep_after: int | None = None) -> None:
    """Continue a log after a step, add rows up to step 4, keep them after one of them, and fail."""
    with MetricsLog(directory, step) as log:
        for added in range(step + 1, 5):
            log.add(row(added, loss=9.0))
            if added == keep_after:
                log.keep()
        raise InputError("it diverged")


@pytest.mark.parametrize("keep_after", [None, 3])
def test_a_continued_log_that_fails_is_as_it_was_unless_a_checkpoint_continues_from_it(
    tmp_path: Path, keep_after: int | None
) -> None:
    with MetricsLog(tmp_path) as log:
        for step in (1, 2, 3):
            log.add(row(step))
    before = files_of(tmp_path)
    with pytest.raises(InputError, match="diverged"):
        failing(tmp_path, 2, keep_after)
    if keep_after is None:
        assert files_of(tmp_path) == before
    else:
        assert steps(tmp_path) == [1, 2, 3, 4]


def test_the_rows_of_a_new_run_that_fails_show_how_it_went(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="diverged"):
        failing(tmp_path, 0)
    assert steps(tmp_path) == [1, 2, 3, 4]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_row_that_finds_the_disk_full_is_an_input_error(tmp_path: Path) -> None:
    with MetricsLog(tmp_path) as log:
        (tmp_path / METRICS).unlink()
        (tmp_path / METRICS).symlink_to("/dev/full")
        with pytest.raises(InputError, match=r"cannot write .*: No space left on device; .* `resume=True`"):
            log.add(row(1))
