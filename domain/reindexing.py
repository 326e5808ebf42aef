"""Making the index of calls anew, beside a hotline that goes on.

Rules
1. No step is long: each is a transaction of its own, of a block of calls or of `AT_ONCE` bitmaps, and whoever takes
   the steps rests between them (`Store.open(rest=...)`).  A controller waits for the database for seconds only, and
   a call whose controller waits in vain fails; a million calls in one transaction would hold it for 13 s.
2. After each step the index is true: a block is no more looked at, the rows of its calls go and they are owed, all in
   one transaction.  So a search finds fewer calls than there are and says that some are owed, and never a wrong one.
3. It may be cut off anywhere, and begun again; calls end and are indexed meanwhile.

Theory: a search looks only into blocks that `mark_blocks` has, so one row less forgets 4096 calls, and their bitmaps
may be swept away later, page by page; bitmaps of which no call's row knows go with them.  Until then no block may get
the number of one of these: an empty one that stands after them keeps their numbers.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from domain import debts, marks
from domain.marks import SIZE
from domain.tables import findings, mark_blocks
from domain.tables import marks as marks_table

T = TypeVar("T")

AT_ONCE: Final = 2000
"""Rows of one step: some 0.05 s of the database."""


class Writes(Protocol):
    """Does a job in a transaction of its own, and returns its result."""

    def __call__(self, job: Callable[[Connection], T], /) -> T: ...


def anew(write: Writes) -> int:
    """Forget the whole index and owe it; how many calls that was.  Until they are indexed they are not found."""
    end = write(doom)
    owed = 0
    while some := write(lambda conn: forget(conn, end)):
        owed += some
    mark: tuple[str, int] | None = ("", -1)
    while mark is not None:
        mark = write(lambda conn, after=mark: sweep(conn, end, after, AT_ONCE))
    write(lambda conn: finish(conn, end))
    call: str | None = ""
    while call is not None:
        some, call = write(lambda conn, after=call: debts.owe_missing(conn, after, AT_ONCE))
        owed += some
    return owed


def doom(conn: Connection) -> int:
    """Give no place any more in the blocks that there are; the number of an empty one that stands after them."""
    marks.locked(conn)
    conn.execute(update(mark_blocks).where(mark_blocks.c.used < SIZE).values(used=SIZE))
    end: int = conn.execute(select(func.coalesce(func.max(mark_blocks.c.block), -1) + 1)).scalar_one()
    conn.execute(insert(mark_blocks).values(block=end, used=SIZE, first=0, last=0))
    return end


def forget(conn: Connection, end: int) -> int:
    """Forget the calls of one block before this one, and owe them; how many: 0 when none is left."""
    marks.locked(conn)
    n = conn.execute(_FIRST, {"end": end * SIZE}).scalar_one()
    if n is None:
        return 0
    block = n // SIZE
    conn.execute(delete(mark_blocks).where(mark_blocks.c.block == block))
    debts.owe_found(conn, block * SIZE, (block + 1) * SIZE)
    return conn.execute(
        delete(findings).where(findings.c.n >= block * SIZE, findings.c.n < (block + 1) * SIZE)
    ).rowcount


def sweep(conn: Connection, end: int, after: tuple[str, int], most: int) -> tuple[str, int] | None:
    """Remove the bitmaps of blocks before this one, among the next so many after that mark and block.  The mark and
    block to go on after; None when these were the last."""
    rows = conn.execute(_NEXT, {"mark": after[0], "block": after[1], "most": most}).all()
    if not rows:
        return None
    until = (rows[-1].mark, rows[-1].block)
    if any(row.block < end for row in rows):
        key = tuple_(marks_table.c.mark, marks_table.c.block)
        conn.execute(delete(marks_table).where(key > after, key <= until, marks_table.c.block < end))
    return until if len(rows) == most else None


def finish(conn: Connection, end: int) -> None:
    """The numbers of blocks up to this one are free again."""
    marks.locked(conn)
    conn.execute(delete(mark_blocks).where(mark_blocks.c.block <= end))


_FIRST: Final = select(func.min(findings.c.n)).where(findings.c.n < bindparam("end"))
_NEXT: Final = (
    select(marks_table.c.mark, marks_table.c.block)
    .where(tuple_(marks_table.c.mark, marks_table.c.block) > tuple_(bindparam("mark"), bindparam("block")))
    .order_by(marks_table.c.mark, marks_table.c.block)
    .limit(bindparam("most"))
)
