"""Memory that does not suffice: however a library says it, one error says what to lower."""

import pickle

import numpy as np
import pytest
import torch

from nearsight.errors import InputError
from nearsight.shortage import ShortOfMemoryError, is_shortage, tells_of_memory, told_of_memory

TOO_MUCH = 2**55


def of_numpy() -> None:
    np.empty(TOO_MUCH, dtype=np.float64)


def of_pytorch() -> None:
    torch.empty(TOO_MUCH)


def of_python() -> None:
    bytearray(TOO_MUCH)


def of_pyarrow() -> None:
    import pyarrow

    pyarrow.allocate_buffer(TOO_MUCH)


def of_a_gpu() -> None:
    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of"
    )


def of_cudnn() -> None:
    raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")


def of_the_system() -> None:
    raise OSError(12, "Cannot allocate memory")


def of_onednn() -> None:
    raise RuntimeError("could not create a primitive")


def of_a_thread() -> None:
    raise RuntimeError("can't start new thread")


def of_the_loader() -> None:
    raise ImportError("pandas/_libs/sparse.so: failed to map segment from shared object")


@pytest.mark.parametrize(
    "ask",
    [
        of_numpy, of_pytorch, of_python, of_pyarrow, of_a_gpu, of_cudnn, of_the_system, of_onednn, of_a_thread,
        of_the_loader,
    ],
)  # fmt: skip
def test_every_library_s_error_becomes_one_that_says_what_to_lower(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ShortOfMemoryError) as caught, told_of_memory("training", "batch_size", "workers"):
        ask()
    said = str(caught.value)
    assert said.startswith("the GPU is" if ask in (of_a_gpu, of_cudnn) else "out of memory while training")
    assert said.endswith("give a smaller `batch_size` or fewer `workers`, or free some memory")
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value.__cause__, Exception)


def test_what_the_inner_one_says_stands_and_other_errors_pass() -> None:
    @tells_of_memory("outside", "workers")
    def work(error: Exception) -> None:
        with told_of_memory("inside", "memory"):
            raise error

    with pytest.raises(ShortOfMemoryError, match="while inside; give a smaller `memory`, or free"):
        work(MemoryError())
    for error in (
        RuntimeError("shape '[2]' is invalid"),
        InputError("out of memory"),
        KeyError("memory"),
        RuntimeError("could not create a primitive descriptor for a pooling"),
        ImportError("libgomp.so: cannot allocate memory in static TLS block"),
    ):
        with pytest.raises(type(error)):
            work(error)
        assert not is_shortage(error)


def test_the_error_goes_from_one_process_to_another() -> None:
    error = ShortOfMemoryError("training", ("batch_size", "memory"), "2 GiB", gpu=True)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.lower) == (str(error), error.lower)
    assert str(again.among({"memory"})).endswith(
        "(2 GiB were asked for); give a smaller `memory`, or free some memory"
    )
    assert str(again.among(())).endswith("; free some memory, or take a smaller set")


def test_a_library_on_a_disk_that_starts_nothing_lacks_no_memory() -> None:
    said = "/tmp/some.so: failed to map segment from shared object"
    assert is_shortage(ImportError(said))
    assert not is_shortage(ImportError(f"{said}: Operation not permitted"))
