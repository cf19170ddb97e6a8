"""Watching PyTorch's operations as a model runs."""

import sys
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd


class OperationMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode whose `__torch_dispatch__` sees each operation, without loading PyTorch's compiler for it.

    PyTorch wraps that method so that its compiler ignores it, and the wrapper imports the compiler at the first
    operation: one second in every process that makes evidence. As long as nobody has imported the compiler, there
    is nothing to ignore, and the method is used as it was written.
    """

    _wrapped: ClassVar[Callable[..., Any]]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call]
        cls._wrapped = cls.__torch_dispatch__

    def __enter__(self) -> Self:
        wrapped = type(self)._wrapped
        written = getattr(wrapped, "__wrapped__", wrapped)
        dispatch = wrapped if "torch._dynamo" in sys.modules else written
        type(self).__torch_dispatch__ = dispatch  # type: ignore[method-assign]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self


class FlopCount(OperationMode):
    """Counts PyTorch's floating-point operations meanwhile, a multiply-add as two, in `flops`.

    >>> import torch
    >>> with FlopCount() as count:
    ...     product = torch.ones(2, 3) @ torch.ones(3, 4)
    >>> count.flops
    48

    It works like PyTorch's own counter, whose tracking of modules would take longer than a small network: an
    operation is decomposed until its floating-point operations are known. The decompositions are those of
    PyTorch's C++, because some of its Python ones import a computer algebra system.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self.counted(func, args, kwargs or {})

    def counted(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what an operation does to its arguments, and count it."""
        count = flop_registry.get(func.overloadpacket)
        if count is None and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _COMPOSITE):
            with self:
                return func._op_dk(_COMPOSITE, *args, **kwargs)
        output = func(*args, **kwargs)
        if count is not None:
            self.flops += count(*args, **kwargs, out_val=output)
        return output
