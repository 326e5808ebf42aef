"""An index of bitmaps over calls: which calls have this mark, for every mark that a call can have.

Rules: a call has a place `n` for good; its bit in the bitmaps of its marks stands there.  Marks are words of ours
(`domain.indexing`); they are compared byte by byte.  Whoever changes bitmaps holds the lock of `locked`.

Theory (O'Neil & Quass 1997, "Improved query performance with variant indexes").  A supervisor may join any filters
with any others, broad ones too, and most joins of broad filters find little: trees, which find rows by one order,
then walk through most of a million rows to find fifty.  Bitmaps don't: a filter is a bitmap, filters are joined by
machine instructions on whole words, and the number of calls found is the number of bits.  A million calls are 245
blocks of 4096; whatever is asked reads one short row per block and mark.  A number is kept as one bitmap for each of
its binary digits ("bit-sliced"), and compared digit by digit.  It is one code for both databases, and the time it
takes depends on how many filters are joined, never on which (docs/benchmarks.md has the figures, decision 112 the
alternatives).
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.tables import marks

SIZE: Final = 4096
"""Calls in a block: a bitmap is 512 bytes at most, so that one call changes little and a million are few rows."""

FEW: Final = 64
"""Bits of a block up to which their places are written down in place of the bitmap."""

AT_ONCE: Final = 400
"""Marks in one statement: databases bound the parameters of one."""

_LOCK: Final = 0x6D726B73  # the name of PostgreSQL's advisory lock: "mrks"

Blocks: TypeAlias = dict[int, int]
"""Block -> its bits, bit k being call `block * SIZE + k`.  Blocks without bits are left out."""


def locked(conn: Connection) -> None:
    """Whoever comes second waits until our transaction ends.  SQLite's writers are one after another anyway."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def locked_at_once(conn: Connection) -> bool:
    """The same without waiting; False: somebody else has it."""
    if conn.dialect.name == "postgresql":
        return bool(conn.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK})").scalar())
    return True


# Changing


class Changes:
    """What becomes of bitmaps, gathered over many calls and written at once."""

    def __init__(self) -> None:
        self._on: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._off: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, n: int, marked: Iterable[str]) -> None:
        """Call `n` has these marks from now on."""
        block, bit = divmod(n, SIZE)
        for mark in marked:
            self._on[block][mark] |= 1 << bit

    def remove(self, n: int, marked: Iterable[str]) -> None:
        """Call `n` has these marks no more."""
        block, bit = divmod(n, SIZE)
        for mark in marked:
            self._off[block][mark] |= 1 << bit

    def write(self, conn: Connection) -> None:
        """Under `locked`."""
        for block in sorted({*self._on, *self._off}):
            on, off = self._on[block], self._off[block]
            self._block(conn, block, on, off)

    def _block(self, conn: Connection, block: int, on: Mapping[str, int], off: Mapping[str, int]) -> None:
        touched = sorted({*on, *off})
        before: dict[str, int] = {}
        for some in _chunks(touched):
            rows = conn.execute(_OF_BLOCK, {"block": block, "marks": some})
            before.update((mark, unpacked(bits)) for mark, bits in rows)
        after = {mark: before.get(mark, 0) & ~off.get(mark, 0) | on.get(mark, 0) for mark in touched}
        put = [
            {"mark": mark, "block": block, "bits": packed(bits)}
            for mark, bits in after.items()
            if bits and bits != before.get(mark)
        ]
        if put:
            conn.execute(_PUT[conn.dialect.name], put)
        if gone := [(mark, block) for mark, bits in after.items() if not bits and mark in before]:
            for some in _chunks(gone):
                conn.execute(delete(marks).where(tuple_(marks.c.mark, marks.c.block).in_(some)))


# Reading


def load(conn: Connection, wanted: Iterable[str], only: Sequence[int] | None = None) -> dict[str, Blocks]:
    """The bitmaps of these marks; only: in these blocks, `AT_ONCE` at most."""
    found: dict[str, Blocks] = {mark: {} for mark in wanted}
    for some in _chunks(list(found)):
        if conn.dialect.name == "postgresql":
            for mark, written in _joined(conn, some, only):
                found[mark] = dict(_parted(written))
            continue
        if only is None:
            rows = conn.execute(_LOAD, {"marks": some})
        else:
            rows = conn.execute(_LOAD_ONLY, {"marks": some, "blocks": list(only)})
        for mark, block, bits in rows:
            found[mark][block] = unpacked(bits)
    return found


def load_range(conn: Connection, first: str, end: str) -> Blocks:
    """All bitmaps of marks from `first` on and before `end`, as one: of calls that have any of them."""
    found: Blocks = {}
    for block, bits in conn.execute(_RANGE, {"first": first, "end": end}):
        found[block] = found.get(block, 0) | unpacked(bits)
    return found


def known(conn: Connection, kind: str) -> list[str]:
    """Every mark that begins with this letter, in order: each is one step from the one before."""
    found: list[str] = []
    last: str = kind
    while (after := conn.execute(_NEXT, {"last": last, "end": chr(ord(kind) + 1)}).scalar_one()) is not None:
        found.append(last := str(after))
    return found


def slices(name: str, bits: int) -> list[str]:
    """The marks of the binary digits of a number, the lowest first."""
    return [f"{name}{k}" for k in range(bits)]


def digits(name: str, bits: int, value: int) -> list[str]:
    """The marks that a call has whose number is this; what is too large is the largest."""
    value = max(0, min(value, (1 << bits) - 1))
    return [mark for k, mark in enumerate(slices(name, bits)) if value >> k & 1]


def at_least(value: int, sliced: Sequence[int], all_: int) -> int:
    """The bits of a block whose number is `value` or more.  sliced: its bitmaps, the lowest digit's first."""
    if value >= 1 << len(sliced):
        return 0
    more, same = 0, all_
    for k in reversed(range(len(sliced))):
        if value >> k & 1:
            same &= sliced[k]
        else:
            more |= same & sliced[k]
            same &= ~sliced[k]
    return more | same


def greatest(most: int, sliced: Sequence[int], bits: int) -> int:
    """Of these calls of a block those `most` whose number is the greatest, and all that are as great as the last.

    sliced: the bitmaps of the number, the lowest digit's first (O'Neil & Quass, 4.2).
    """
    if bits.bit_count() <= most:
        return bits
    sure, maybe = 0, bits
    for digit in reversed(sliced):
        greater = sure | maybe & digit
        if greater.bit_count() > most:
            maybe &= digit
        else:
            sure = greater
            maybe &= ~digit
        if sure.bit_count() == most:
            return sure
    return sure | maybe


def places(bits: int) -> Iterator[int]:
    """Which bits are set, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


# How a bitmap is written: by the places of its bits where they are few (0, then 16 bits for each), else itself (1)


def packed(bits: int) -> bytes:
    """As it stands in the store."""
    count = bits.bit_count()
    if count <= FEW:
        return b"\0" + struct.pack(f"<{count}H", *places(bits))
    return b"\1" + bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def unpacked(written: bytes) -> int:
    """What `packed` wrote."""
    if written[0]:
        return int.from_bytes(written[1:], "little")
    found = bytearray(SIZE // 8)
    for place in struct.unpack(f"<{len(written) // 2}H", written[1:]):
        found[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def _joined(conn: Connection, some: list[object], only: Sequence[int] | None) -> Sequence[tuple[str, bytes]]:
    """On PostgreSQL each row that is sent has its price, and bytes are sent as hexadecimal digits unless its driver
    is asked for binary form: so all blocks of a mark are one value, in binary form.  Four times as fast."""
    driver: Any = conn.connection
    with driver.cursor(binary=True) as cursor:
        if only is None:
            cursor.execute(_JOINED.format(only=""), [some])
        else:
            cursor.execute(_JOINED.format(only="AND block = ANY(%s)"), [some, list(only)])
        return cursor.fetchall()


def _parted(written: bytes) -> Iterator[tuple[int, int]]:
    """Blocks and their bits, of what PostgreSQL joined."""
    at, end = 0, len(written)
    while at < end:
        block, length = _HEAD.unpack_from(written, at)
        at += _HEAD.size + length
        yield block, unpacked(written[at - length : at])


def _chunks(items: Sequence[object]) -> Iterator[list[object]]:
    for k in range(0, len(items), AT_ONCE):
        yield list(items[k : k + AT_ONCE])


def _several(name: str) -> BindParameter[object]:
    return bindparam(name, expanding=True)


_HEAD: Final = struct.Struct(">ii")
_among: Final[ColumnElement[bool]] = marks.c.mark.in_(_several("marks"))
_OF_BLOCK: Final = select(marks.c.mark, marks.c.bits).where(marks.c.block == bindparam("block"), _among)
_LOAD: Final = select(marks.c.mark, marks.c.block, marks.c.bits).where(_among)
_LOAD_ONLY: Final = _LOAD.where(marks.c.block.in_(_several("blocks")))
_JOINED: Final = (
    "SELECT mark, string_agg(int4send(block) || int4send(length(bits)) || bits, ''::bytea)"
    " FROM marks WHERE mark = ANY(%s) {only} GROUP BY mark"
)
_RANGE: Final = select(marks.c.block, marks.c.bits).where(
    marks.c.mark >= bindparam("first"), marks.c.mark < bindparam("end")
)
_NEXT: Final = select(func.min(marks.c.mark)).where(marks.c.mark > bindparam("last"), marks.c.mark < bindparam("end"))
_PUT: Final = {
    dialect.__name__.rpartition(".")[2]: (made := dialect.insert(marks)).on_conflict_do_update(
        index_elements=["mark", "block"], set_={"bits": made.excluded.bits}
    )
    for dialect in (sqlite, postgresql)
}
