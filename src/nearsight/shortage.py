"""Memory that does not suffice: one error however a library reports it, with the parameters that can be lowered."""

import errno
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from nearsight.errors import InputError

Function = TypeVar("Function", bound=Callable[..., Any])

# Texts of libraries, in small letters: PyTorch's allocators of the processor, CUDA and MPS, cuDNN, cuBLAS,
# oneDNN, the C++ library, ONNX Runtime, and the system.
_SAID = (
    "can't allocate memory", "cannot allocate memory", "out of memory", "not enough memory", "alloc_failed",
    "bad_alloc", "bad allocation", "failed to allocate memory", "could not create a memory object",
    "unable to allocate", "can't start new thread", "could not create a primitive",
)  # fmt: skip
# What oneDNN says of work that it does not know.
_UNKNOWN = "could not create a primitive descriptor"
# What the system says of a library that it has no memory to load, and of one on a disk that starts nothing.
_UNLOADED = "failed to map segment from shared object"
_FORBIDDEN = ("not permitted", "permission denied")
_GPU = ("cuda", "cudnn", "cublas", "mps backend", "hip ")
_ASKED = re.compile(r"allocate (\d[\d.,]* ?(?:bytes|[KMGT]i?B))", re.IGNORECASE)

# How each parameter makes a command need less.
_WAYS = {
    "batch_size": "a smaller `batch_size`",
    "accumulate": "a larger `accumulate` (the parts of a batch)",
    "tiles_per_image": "fewer `tiles_per_image`",
    "width": "a narrower network (`width`)",
    "tile": "a smaller `tile`",
    "memory": "a smaller `memory`",
    "stride": "a larger `stride`",
    "images": "fewer `images`",
    "training_tiles": "fewer `training_tiles`",
    "test_images": "fewer `test_images`",
    "workers": "fewer `workers`",
}


class ShortOfMemoryError(MemoryError):
    """The machine, or its GPU, has too little memory for the request; the message says what to lower.

    >>> print(ShortOfMemoryError("training", ("batch_size", "workers")))
    out of memory while training; give a smaller `batch_size` or fewer `workers`, or free some memory
    >>> print(ShortOfMemoryError("training", ("batch_size", "workers"), asked="2 GiB").among(["workers"]))
    out of memory while training (2 GiB were asked for); give fewer `workers`, or free some memory

    `lower` names the parameters, the one that helps most first; `asked` is how much was requested, if known, and
    `gpu` says whose memory it is.
    """

    def __init__(self, doing: str, lower: tuple[str, ...], asked: str = "", gpu: bool = False) -> None:
        self.doing, self.lower, self.asked, self.gpu = doing, lower, asked, gpu
        ways = [_WAYS[name] for name in lower]
        advice = " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
        whose = "the GPU is out of memory" if gpu else "out of memory"
        amount = f" ({asked} were asked for)" if asked else ""
        way = f"give {advice}, or free some memory" if advice else "free some memory, or take a smaller set"
        super().__init__(f"{whose} while {doing}{amount}; {way}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how a process passes the error to another."""
        return type(self), (self.doing, self.lower, self.asked, self.gpu)

    def among(self, known: Collection[str]) -> "ShortOfMemoryError":
        """Return the error with only the parameters that a command knows."""
        lower = tuple(name for name in self.lower if name in known)
        return ShortOfMemoryError(self.doing, lower, self.asked, self.gpu)


def is_shortage(error: BaseException) -> bool:
    """Say whether an error means that memory does not suffice.

    >>> is_shortage(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."))
    True
    >>> is_shortage(MemoryError()), is_shortage(RuntimeError("shape '[2]' is invalid"))
    (True, False)

    NumPy's and pyarrow's errors are `MemoryError`s; PyTorch's are `RuntimeError`s and are recognised by their
    texts. A thread that cannot be started, and a library that cannot be loaded, lack memory too.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    if isinstance(error, ImportError | OSError):
        said = str(error).lower()
        return _UNLOADED in said and not any(words in said for words in _FORBIDDEN)
    if isinstance(error, InputError) or not isinstance(error, RuntimeError | ValueError):
        return type(error).__name__ == "RuntimeException" and _says_so(error)
    return _says_so(error)


@contextmanager
def told_of_memory(doing: str, *lower: str) -> Iterator[None]:
    """Turn whatever means that memory does not suffice into one `ShortOfMemoryError`.

    >>> with told_of_memory("training", "batch_size"):
    ...     raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    Traceback (most recent call last):
    nearsight.shortage.ShortOfMemoryError: the GPU is out of memory while training (20.00 GiB were asked for); give a smaller `batch_size`, or free some memory

    Where one lies in another, what the inner one says stands. All other errors pass.
    """  # noqa: E501 (a message is one line)
    try:
        yield
    except ShortOfMemoryError:
        raise
    except Exception as error:
        if not is_shortage(error):
            raise
        said = str(error)
        asked = _ASKED.search(said)
        gpu = any(name in said.lower() for name in _GPU)
        raise ShortOfMemoryError(doing, lower, asked[1] if asked else "", gpu) from error


def tells_of_memory(doing: str, *lower: str) -> Callable[[Function], Function]:
    """Put a function into `told_of_memory`.

    >>> @tells_of_memory("drawing", "stride")
    ... def draw():
    ...     raise MemoryError
    >>> draw()
    Traceback (most recent call last):
    nearsight.shortage.ShortOfMemoryError: out of memory while drawing; give a larger `stride`, or free some memory
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def told(*arguments: Any, **options: Any) -> Any:
            with told_of_memory(doing, *lower):
                return function(*arguments, **options)

        return cast(Function, told)

    return decorate


def _says_so(error: BaseException) -> bool:
    said = str(error).lower()
    return _UNKNOWN not in said and any(words in said for words in _SAID)
