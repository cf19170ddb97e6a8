"""The rows of a run as it trains: `metrics.csv` and TensorBoard events."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nearsight.digest import digest_of_lines
from nearsight.errors import InputError
from nearsight.read import is_file, read_bytes
from nearsight.runs import RESULT, write_text
from nearsight.runs.result_file import read_outline
from nearsight.runs.run import DIGESTS
from nearsight.write import flush, replace_atomically

METRICS = "metrics.csv"
_MEND = "put back a copy of it, or remove it to go on without its rows"


@dataclass(frozen=True)
class MetricsRow:
    """Means over the steps since the row before. Loss: lower is better; accuracies in [0, 1]: higher is."""

    step: int
    epoch: float
    loss: float
    accuracy: float
    learning_rate: float
    val_accuracy: float | None
    images_per_second: float
    seconds: float

    def curves(self) -> dict[str, float]:
        """Return what is drawn against the steps, by the name of its curve.

        >>> sorted(MetricsRow(9, 0.5, 1.2, 0.6, 0.1, None, 800.0, 4.0).curves())[:2]
        ['training/accuracy', 'training/epoch']
        """
        values = asdict(self).items()
        drawn = {
            name: value for name, value in values if name not in ("step", "seconds") and value is not None
        }
        return {f"training/{name}": value for name, value in drawn.items()}


COLUMNS = tuple(spec.name for spec in fields(MetricsRow))


class MetricsLog:
    """Appends rows to `metrics.csv` and TensorBoard; a resumed run drops the rows after its checkpoint.

    If a run that had rows fails before it has a new checkpoint (`keep`), these files are again what they were.
    """

    def __init__(self, directory: Path, step: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = directory / METRICS
        self._before = read_bytes(self._path, _MEND) if is_file(self._path) else None
        self._events_before = _event_files(directory)
        write_text(self._path, _rows_until(self._path, step))
        with _refusals(directory):
            self._events = SummaryWriter(str(directory), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _refusals(self._path.parent):
            self._events.close()
        if isinstance(error, Exception) and self._before is not None:
            self._put_back(self._before)

    def _put_back(self, before: bytes) -> None:
        # A disk that is full for this was full for the rows too, and that is what the run reports.
        with suppress(InputError), replace_atomically(self._path) as temporary:
            temporary.write_bytes(before)
        for path in _event_files(self._path.parent) - self._events_before:
            path.unlink(missing_ok=True)

    def keep(self) -> None:
        """Keep the rows whatever follows: a checkpoint continues from them."""
        self._before = None

    def add(self, row: MetricsRow) -> None:
        """Append one row, which is in the file at once; raises `InputError` if the disk refuses it."""
        values = asdict(row)
        with _refusals(self._path), self._path.open("a", newline="") as file:
            cells = ["" if value is None else value for value in values.values()]
            csv.writer(file, lineterminator="\n").writerow(cells)
        with _refusals(self._path.parent):
            for name, value in row.curves().items():
                self._events.add_scalar(name, value, row.step)


def _event_files(directory: Path) -> set[Path]:
    return set(directory.glob("events.out.tfevents.*"))


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}; free some space and continue with `resume=True`"
        ) from None


def kept_rows(directory: Path) -> str:
    """Write the rows in a directory through to the disk, and return their digest.

    After a loss of power, nothing that refers to rows may exist without them.
    """
    with _refusals(directory / METRICS):
        flush(directory / METRICS)
    return digest_of_lines(read_bytes(directory / METRICS, _MEND))


def check_rows(directory: Path, step: int, digest: str) -> None:
    """Raise `InputError` unless a digest is that of the rows up to a step; an empty digest matches any rows.

    If the rows were removed together with their file, this is not noticed.
    """
    path = directory / METRICS
    if digest and is_file(path) and digest_of_lines(_rows_until(path, step).encode("utf-8")) != digest:
        raise InputError(
            f"{path} is damaged: its rows are not those of the checkpoint; put back a copy of it, or remove it to go "
            "on without them"
        )


def _check_finished(directory: Path) -> None:
    """Raise `InputError` for rows of which the result in a directory has another digest."""
    path, result = directory / METRICS, directory / RESULT
    digests = read_outline(result).get(DIGESTS) if is_file(result) else None
    digest = digests.get(METRICS) if isinstance(digests, dict) else None
    if digest is not None and is_file(path) and digest_of_lines(read_bytes(path, _MEND)) != digest:
        raise InputError(f"{path} is damaged: its content is not what {RESULT} says; {_MEND}")


def training_curve(directory: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps of the rows in a directory and the losses between them, each (n,); empty if there are none.

    >>> training_curve(Path("no/such/run"))
    (array([], dtype=float64), array([], dtype=float64))

    Raises `InputError` if the directory's result has another digest of them. Where it has none, as in older runs,
    damaged rows are left out.
    """
    _check_finished(directory)
    step, loss = COLUMNS.index("step"), COLUMNS.index("loss")
    found = []
    for row in _whole_rows(directory / METRICS):
        with suppress(ValueError, OverflowError):
            found.append((float(row[step]), float(row[loss])))
    rows = np.array(found, dtype=np.float64).reshape(-1, 2)
    rows = rows[np.isfinite(rows).all(1)]
    return rows[:, 0], rows[:, 1]


def _rows_until(path: Path, step: int) -> str:
    """Return the text of the rows up to a step, under their names."""
    rows = _whole_rows(path) if step else []
    # No step has more digits, and Python does not read numbers of thousands of them.
    kept = [row for row in rows if row[0].isdecimal() and len(row[0]) < 20 and int(row[0]) <= step]
    return "".join(",".join(row) + "\n" for row in [list(COLUMNS), *kept])


def _whole_rows(path: Path) -> list[list[str]]:
    if not is_file(path):
        return []
    # A damaged byte is no reason to fail here, because the digest reports it.
    text = read_bytes(path, _MEND).decode("utf-8", errors="replace").replace("\r\n", "\n")
    lines = text.splitlines(keepends=True)[1:]
    rows = [line.rstrip("\n").split(",") for line in lines if line.endswith("\n")]
    return [row for row in rows if len(row) == len(COLUMNS)]
