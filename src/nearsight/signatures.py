"""Functions that take the fields of settings as keywords: shown in their signature, and separated again."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar, cast

from nearsight.arguments import check_bound

Function = TypeVar("Function", bound=Callable[..., Any])
Settings = TypeVar("Settings")


def takes_fields_of(*settings: type) -> Callable[[Function], Function]:
    """Name in a function's signature the fields of settings that it takes as keywords, with their defaults.

    >>> from nearsight.settings import Reading
    >>> @takes_fields_of(Reading)
    ... def read(data, **options):
    ...     "Read a set."
    >>> list(inspect.signature(read).parameters)[:3]
    ['data', 'skip_bad', 'max_pixels']

    Fields that are not a user's keywords, such as `machine` of a binding, are the function's own parameters and
    are left alone. A function with open keywords of its own, such as those of a recipe, keeps them. A value of
    none of a parameter's types is refused (`arguments.check`).
    """

    def decorate(function: Function) -> Function:
        said = inspect.signature(function)
        own = list(said.parameters.values())
        open_keywords = [spec for spec in own if spec.kind is inspect.Parameter.VAR_KEYWORD]
        own = [spec for spec in own if spec not in open_keywords]
        named = {spec.name for spec in own}
        passed_on = [
            spec.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for kind in settings
            for spec in inspect.signature(kind).parameters.values()
            if spec.name not in named
        ]
        keeps = [spec for spec in open_keywords if spec.annotation is Any]
        shown = said.replace(parameters=[*own, *passed_on, *keeps])

        @wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            try:
                bound = shown.bind(*arguments, **options)
            except TypeError as error:
                # In the name of the function that was called, not of the one to which it passes its options.
                raise TypeError(f"{function.__name__}() {error}") from None
            check_bound(shown, bound.arguments)
            return function(*arguments, **options)

        checked.__dict__["__signature__"] = shown
        return cast(Function, checked)

    return decorate


def fields_of(settings: type[Settings], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options that are fields of the settings.

    >>> from nearsight.settings import Reading
    >>> fields_of(Reading, {"skip_bad": True, "tile": 16})
    {'skip_bad': True}
    """
    names = {spec.name for spec in fields(cast(Any, settings))}
    return {name: value for name, value in options.items() if name in names}


def without_fields_of(settings: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options that are not fields of the settings.

    >>> from nearsight.settings import Reading
    >>> without_fields_of(Reading, {"skip_bad": True, "tile": 16})
    {'tile': 16}
    """
    taken = fields_of(settings, options)
    return {name: value for name, value in options.items() if name not in taken}
