# pyright: basic
# It looks into frames and at values of any type: what strict typing asks for can't be said here.
"""A moment of a conversation, made comparable: where the flow's coroutines stand, and everything they hold.

Theory: flows are pure, so from the same moment everything that follows is the same too.  Two dialogs are at the same
moment when every coroutine of the chain waits at the same instruction, with equal variables and equal values on its
evaluation stack.  The stack matters: the iterator of a `for` loop is nowhere else.  CPython shows both: `f_locals`
by name, and `gc.get_referents`, which visits what a suspended frame refers to.

Rule: identity is exact or it is an error (`Opaque`); it never leans on `repr`.
"""

import gc
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import CellType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType, TracebackType
from typing import Any, TypeAlias

from ivr.dialog.call import Call
from ivr.dialog.dialog import Dialog

Moment: TypeAlias = tuple[Any, ...]

_PLAIN = (str, int, float, bool, bytes, date, datetime, time, timedelta, Decimal, type(None))
_ITERATORS = tuple(type(iter(x)) for x in ((), [], range(0), {}, {}.items(), {}.values(), "", set[int]()))
_WRAPPERS = (enumerate, zip, reversed)


class Opaque(TypeError):
    """A flow holds something whose identity can't be told (a generator, a closure, an open file)."""


def freeze(value: Any) -> Any:
    """An equal, hashable stand-in for `value`; unequal for unequal values.  Raises `Opaque`.

    The type is part of it: 1, 1.0 and True are three different things to a flow.
    """
    match value:
        case Enum() | type():
            return value
        case _ if isinstance(value, _PLAIN):
            return (type(value), value)
        case tuple() | list():
            return (type(value), *(freeze(v) for v in value))
        case dict():
            return (dict, *((freeze(k), freeze(v)) for k, v in value.items()))
        case set() | frozenset():
            return (type(value), frozenset(freeze(v) for v in value))
        case BaseException():
            return (type(value), freeze(value.args), freeze(vars(value)))
        case _ if is_dataclass(value):
            return _freeze_record(value)
        case range():
            return (range, value.start, value.stop, value.step)
        case FunctionType() if value.__closure__ is None:
            defaults = freeze(value.__defaults__), freeze(value.__kwdefaults__)
            return (FunctionType, value.__module__, value.__qualname__, value.__code__, *defaults)
        case CellType():  # a variable that an inner function or comprehension shares
            try:
                return (CellType, freeze(value.cell_contents))
            except ValueError:
                return (CellType,)
        case _ if isinstance(value, (*_ITERATORS, *_WRAPPERS)):
            return (type(value), *(freeze(v) for v in value.__reduce__() if not callable(v)))
        case _:
            raise Opaque(f"a conversation can't be explored while it holds a {type(value).__name__}: {value!r}")


def unchangeable(value: Any, what: str) -> None:
    """Raises `Opaque` when somebody who holds `value` could change it: a list, a dict, a dataclass that isn't frozen.

    Between a part of a conversation and its holder it would be a way of knowing that nobody sees.
    """
    held = (value.args, tuple(vars(value).values())) if isinstance(value, BaseException) else value
    try:
        hash(held)
    except TypeError as fact:
        raise Opaque(f"{what} {value!r}, which can be changed ({fact}); take a tuple or a frozen dataclass") from None


_records: dict[int, tuple[Any, Any]] = {}
"""Stand-ins of frozen dataclasses, by identity: the same accounts come by a hundred thousand times."""


def _freeze_record(value: Any) -> Any:
    known = _records.get(id(value))
    if known is not None:
        return known[1]
    frozen = (type(value), *(freeze(getattr(value, f.name)) for f in fields(value)))
    if value.__dataclass_params__.frozen:
        if len(_records) >= 10_000:
            _records.clear()
        _records[id(value)] = (value, frozen)  # holding the value keeps its identity from being used again
    return frozen


def moment(dialog: Dialog) -> Moment:
    """Where `dialog` stands.  Equal moments have equal futures.

    What was achieved and noted so far is not part of it: a flow can't read either.
    """
    if dialog.said is not None:
        return (freeze(dialog.said),)
    return (dialog.hung_up, dialog.call.now, *_frames(dialog.coroutine))


_TRANSPARENT = (CodeType, FrameType, ModuleType, TracebackType, Call)


def _frames(coroutine: Any) -> Iterator[Any]:
    """What each coroutine of the chain of awaits holds, outermost first."""
    level = coroutine
    while isinstance(level, CoroutineType | GeneratorType):
        frame: Any = level.cr_frame if isinstance(level, CoroutineType) else level.gi_frame
        # Names as well: which variables are unset is not told by a list of those that are set.
        names = frame.f_locals
        onward = level.cr_await if isinstance(level, CoroutineType) else level.gi_yieldfrom
        shared = (frame.f_globals, frame.f_builtins, names, onward)
        holds = [
            freeze(held)
            for held in gc.get_referents(level)
            if not isinstance(held, _TRANSPARENT)
            and not any(held is s for s in shared)
            and getattr(held, "__code__", None) is not frame.f_code
        ]
        yield (frame.f_code.co_qualname, frame.f_lasti, tuple(sorted(names)), *holds)
        level = onward
