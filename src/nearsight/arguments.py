"""What is given for a parameter, held against what its function says that it takes."""

import inspect
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, wraps
from pathlib import Path
from reprlib import Repr
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    SupportsFloat,
    SupportsIndex,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from nearsight.errors import InputError, shortened

if TYPE_CHECKING:
    from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

_TEXT, _PATH = "text", "a path"
_WORDS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    SupportsIndex: "a whole number",
    float: "a number",
    SupportsFloat: "a number",
    str: _TEXT,
    NoneType: "None",
    None: "None",
}


def checked(function: Function) -> Function:
    """Refuse, before a function is entered, what is of none of the types that a parameter is annotated with.

    >>> @checked
    ... def save(place: str, *, seed: int = 0) -> None:
    ...     "Save it."
    >>> save("a", seed=0.5)
    Traceback (most recent call last):
    nearsight.errors.InputError: `seed` takes a whole number, got 0.5

    What only the function can tell is left to it: names that are not known, ranges, and what a list holds. Missing
    and unknown parameters are Python's `TypeError`. Raises `InputError`, naming the parameter.
    """
    kinds = _kinds(inspect.signature(function))
    placed = [name for name, (_, at_place) in kinds.items() if at_place]

    @wraps(function)
    def entered(*arguments: Any, **options: Any) -> Any:
        _check_all(kinds, zip(placed, arguments, strict=False))
        _check_all(kinds, options.items())
        return function(*arguments, **options)

    return cast(Function, entered)


def check_bound(signature: inspect.Signature, given: Mapping[str, Any]) -> None:
    """Refuse what is given to the parameters of a signature, by name, and is of none of their types.

    Raises `InputError` as `check` does.
    """
    _check_all(_kinds(signature), given.items())


def check(name: str, value: Any, kind: Any) -> None:
    """Refuse a value that is not of a type, as annotations say types.

    >>> check("out", 3, str | None)
    Traceback (most recent call last):
    nearsight.errors.InputError: `out` takes text or None, got 3

    Raises `InputError`, naming the parameter, also for text and paths that UTF-8 cannot hold: results name what they
    are made of. Types that cannot be told at run time take any value.
    """
    if not _fits(value, kind):
        raise InputError(f"`{name}` takes {_words(kind)}, got {shown(value)}")
    for text in value if isinstance(value, list | tuple) else (value,):
        if isinstance(text, str | os.PathLike) and not is_text(os.fspath(text)):
            raise InputError(f"`{name}` has characters that are not {not_utf_8(os.fspath(text))}")


def is_text(name: str | bytes) -> bool:
    """Whether a name can be written in UTF-8; those of files need not be text.

    >>> is_text("café"), is_text("caf\\udce9")
    (True, False)
    """
    try:
        name.decode() if isinstance(name, bytes) else name.encode()
    except UnicodeError:
        return False
    return True


def not_utf_8(name: str | bytes) -> str:
    """Say in what a name is not written, and what can be done.

    >>> not_utf_8("caf\\udce9")
    "UTF-8, such as 'caf\\\\udce9'; rename it, as by `convmv -f latin1 -t utf-8 -r`"
    """
    encoding, said = sys.getfilesystemencoding(), shown(name)
    if encoding != "utf-8":
        return (
            f"{encoding}, in which this system reads names, such as {said}; set PYTHONUTF8=1, or a locale of UTF-8, "
            "such as LANG=C.UTF-8"
        )
    return f"UTF-8, such as {said}; rename it, as by `convmv -f latin1 -t utf-8 -r`"


def plain_tensor(tensor: "Tensor", name: str) -> "Tensor":
    """Return a tensor with a place in memory for each of its numbers; of a sparse one, also for those that are zero.

    >>> import torch
    >>> plain_tensor(torch.eye(2).to_sparse(), "the image").tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    >>> plain_tensor(torch.eye(2, device="meta"), "the image")
    Traceback (most recent call last):
    nearsight.errors.InputError: the image is a tensor without data; expected one of plain numbers

    Raises `InputError`, with the name, for a tensor that has no numbers, or none that others could read.
    """
    for odd, what in (("is_nested", "nested"), ("is_quantized", "quantized"), ("is_meta", "without data")):
        if getattr(tensor, odd):
            said = f"a tensor {what}" if " " in what else f"a {what} tensor"
            raise InputError(f"{name} is {said}; expected one of plain numbers")
    return tensor if str(tensor.layout) == "torch.strided" else tensor.to_dense()


def shown(value: Any) -> str:
    """Return what a value looks like, in few characters, also where it cannot say so itself.

    >>> shown("x" * 1000)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
    """
    try:
        said = " ".join(_SHORT.repr(value).split())
    # What a class of the caller's raises is of any kind.
    except Exception:
        return f"one of {type(value).__name__}"
    return shortened(said)


# As a class, which it is at run time.
_CALLABLE: Any = Callable
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _check_all(kinds: Mapping[str, tuple[Any, bool]], given: Iterable[tuple[str, Any]]) -> None:
    for name, value in given:
        if name in kinds:
            check(name, value, kinds[name][0])


@cache
def _kinds(signature: inspect.Signature) -> dict[str, tuple[Any, bool]]:
    """Return the annotation of each parameter that has one, and whether it can be given by its place."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        spec.name: (
            Any if spec.annotation is inspect.Parameter.empty else spec.annotation,
            spec.kind is not inspect.Parameter.KEYWORD_ONLY,
        )
        for spec in signature.parameters.values()
        if spec.kind not in several
    }


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type; True where that cannot be told."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        # A path as text is to be one that the system can be asked for.
        if isinstance(value, str) and Path in inner:
            return _becomes(os.fsencode, value)
        return any(_fits(value, each) for each in inner)
    if origin is Annotated:
        return _fits(value, inner[0])
    if origin is Literal:
        return isinstance(value, tuple({type(each) for each in inner}))
    if kind is Any:
        return True
    if kind is None:
        return value is None
    if kind is bool:
        return isinstance(value, bool) or type(value).__name__ == "bool"
    if kind in (int, SupportsIndex):
        return _becomes(operator.index, value)
    if kind in (float, SupportsFloat):
        return not isinstance(value, str | bytes | bytearray) and _becomes(float, value)
    plain = origin or kind
    if not isinstance(plain, type) or plain is object:
        return True
    if issubclass(plain, _CALLABLE):
        return callable(value)
    if getattr(plain, "_is_protocol", False):
        return all(hasattr(value, name) for name in vars(plain) if not name.startswith("_"))
    if issubclass(plain, os.PathLike):
        return isinstance(value, str | os.PathLike) and _becomes(os.fsencode, value)
    if plain is not str and issubclass(plain, Iterable) and not issubclass(plain, Mapping) and inner:
        return _becomes(iter, value)
    return isinstance(value, plain)


def _becomes(kind: Callable[[Any], Any], value: Any) -> bool:
    try:
        kind(value)
    # What a class of the caller's raises is of any kind.
    except Exception:
        return False
    return True


def _words(kind: Any) -> str:
    names = list(dict.fromkeys(_named(kind)))
    if _PATH in names and _TEXT in names:
        names.remove(_TEXT)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _named(kind: Any) -> Iterator[str]:
    """Yield what each of the types of an annotation is called."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        for each in inner:
            yield from _named(each)
    elif origin is Annotated:
        yield from _named(inner[0])
    elif origin is Literal:
        yield _TEXT if isinstance(inner[0], str) else type(inner[0]).__name__
    elif kind in _WORDS:
        yield _WORDS[kind]
    else:
        plain = origin or kind
        if not isinstance(plain, type):
            yield getattr(plain, "__forward_arg__", str(plain))
        elif issubclass(plain, os.PathLike):
            yield _PATH
        elif issubclass(plain, Mapping):
            yield "a mapping"
        elif inner and issubclass(plain, Iterable):
            yield "a sequence"
        else:
            yield "a function" if plain is _CALLABLE else plain.__name__
