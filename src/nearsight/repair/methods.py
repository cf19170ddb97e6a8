"""The methods of repair by name, the default method of a shortcut, and several methods in one repair."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, get_args

import numpy as np

from nearsight.diagnosis.candidates import TILE
from nearsight.errors import InputError, unknown_name
from nearsight.repair.groups import balanced, group_numbers
from nearsight.repair.shortcut import Shortcut
from nearsight.repair.swap import swapped
from nearsight.repair.task import Task
from nearsight.repair.tiles import sees_tiles, silent_tiles, speaking_alike
from nearsight.settings.choices import RepairMethod
from nearsight.training.material import Material

SWAP: Final = "swap"
TILES: Final = "tiles"
LAST_LAYER: Final = "last-layer"
GROUPS: Final = "groups"
METHODS: tuple[RepairMethod, ...] = get_args(RepairMethod)


def default_method(shortcut: Shortcut, *, of_tiles: bool = True) -> RepairMethod:
    """Return how a shortcut is removed if no method is named.

    >>> import numpy as np
    >>> has = np.array([True, False])
    >>> default_method(Shortcut(0, 1, "shortcut", "column:camera", "camera a", "table", has, has, column="camera"))
    'groups'

    For a network `of_tiles`, a reason's tiles are silenced. Otherwise, a shortcut that can be added to images is
    added to those of the other classes, tiles are silenced, and groups of a column are balanced. For anything
    else the last layer is fitted again.
    """
    if of_tiles and shortcut.tiles is not None and (shortcut.seen_in == TILE or shortcut.put_on is None):
        return TILES
    if shortcut.put_on is not None:
        return SWAP
    return GROUPS if shortcut.column is not None else LAST_LAYER


def planned(
    shortcuts: Sequence[Shortcut],
    method: str | None = None,
    column: str | None = None,
    *,
    of_tiles: bool = True,
) -> dict[RepairMethod, tuple[Shortcut, ...]]:
    """Return which shortcuts are removed by which method, in the order of `METHODS`.

    With `method`, all are removed by it; with a `column` alone, all by its groups. Otherwise each has its own
    (`default_method`), for a network `of_tiles` or of whole images. If some can be swapped or silenced and others
    only have the last layer, the latter are balanced as groups, because one repair either trains or fits the last
    layer. Raises `InputError` for an unknown method, and for a column together with a method other than groups.
    """
    if method is not None and method not in METHODS:
        raise unknown_name("method of repair", method, METHODS)
    if column is not None and method not in (None, GROUPS):
        raise InputError(
            f"`column` names the groups to balance, and `method='{method}'` has none; leave it out, or give "
            "`method='groups'`"
        )
    wanted = GROUPS if column is not None else method
    found: dict[RepairMethod, list[Shortcut]] = {}
    for shortcut in shortcuts:
        own = next((name for name in METHODS if name == wanted), None) or default_method(
            shortcut, of_tiles=of_tiles
        )
        found.setdefault(own, []).append(shortcut)
    if LAST_LAYER in found and len(found) > 1:
        found.setdefault(GROUPS, []).extend(found.pop(LAST_LAYER))
    return {name: tuple(found[name]) for name in METHODS if name in found}


def material_of(task: Task, method: str | None = None) -> Material:
    """Return what a repair trains on: several shortcuts, each by its method, in one.

    Swapping, silencing and drawing by groups apply to the same images: these are edited, some of their tiles are
    silenced, and they are drawn. Raises `InputError` where the methods and `planned` do, and for `last-layer`,
    which does not train (`refit_last_layer`).
    """
    plan = planned(task.shortcuts, method, task.column, of_tiles=sees_tiles(task.bound))
    if LAST_LAYER in plan:
        raise InputError("`method='last-layer'` fits the head and trains on nothing; call refit_last_layer")
    return _combined(task, plan)


def _combined(task: Task, plan: Mapping[RepairMethod, tuple[Shortcut, ...]]) -> Material:
    tasks = {name: replace(task, shortcuts=shortcuts) for name, shortcuts in plan.items()}
    if len(tasks) > 1:
        said = "; ".join(
            f"{name}: {', '.join(map(task.name, shortcuts))}" for name, shortcuts in plan.items()
        )
        task.progress.say(f"several methods in one repair: {said}")
    # Of which training image each is that is trained on.
    images, of = swapped(tasks[SWAP]) if SWAP in tasks else (task.train, np.arange(len(task.train)))
    silent = silent_tiles(tasks[TILES]) if TILES in tasks else None
    numbers = group_numbers(tasks[GROUPS]) if GROUPS in tasks else None
    if silent is None and numbers is None:
        return Material(images)
    here = replace(task, train=task.train.select(of))
    if numbers is not None:
        drawn = balanced(here, numbers[of])
    else:
        assert silent is not None
        drawn = speaking_alike(here, silent.select(of))
    return Material(images.select(drawn), None if silent is None else silent.select(of[drawn]))
