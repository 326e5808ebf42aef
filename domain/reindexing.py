"""Making the index of calls anew, beside a hotline that goes on.

Rules
1. No step is long: each is a transaction of its own and touches some `AT_ONCE` rows, and whoever takes the steps
   rests between them (`Store.open(rest=...)`).  A controller waits for the database for seconds only, and a call
   whose controller waits in vain fails; a million calls in one transaction would hold it for a quarter of a minute.
2. After each step the index is true: a call leaves its bitmaps, its row goes and it is owed, all in one transaction.
   So a search finds fewer calls than there are and says that some are owed, and never a wrong one.
3. It may be cut off anywhere, and begun again; calls end and are indexed meanwhile.

Theory: the blocks that there are at the beginning are doomed, and closed, so that calls that are indexed meanwhile
get places in others.  What is left of the doomed ones when their calls are gone belongs to nobody: it is what the
index was made anew for.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, select, tuple_, update

from domain import debts, marks
from domain.marks import SIZE, Changes
from domain.tables import findings, mark_blocks
from domain.tables import marks as marks_table

T = TypeVar("T")

AT_ONCE: Final = 2000
"""Rows of one step: some 0.1 s of the database."""


class Writes(Protocol):
    """Does a job in a transaction of its own, and returns its result."""

    def __call__(self, job: Callable[[Connection], T], /) -> T: ...


def anew(write: Writes) -> int:
    """Forget the whole index and owe it; how many calls that was.  Until they are indexed they are not found."""
    last = write(doom)
    owed = 0
    while some := write(lambda conn: forget(conn, last, AT_ONCE)):
        owed += some
    mark: tuple[str, int] | None = ("", -1)
    while mark is not None:
        mark = write(lambda conn, after=mark: sweep(conn, last, after, AT_ONCE))
    write(lambda conn: finish(conn, last))
    call: str | None = ""
    while call is not None:
        some, call = write(lambda conn, after=call: debts.owe_missing(conn, after, AT_ONCE))
        owed += some
    return owed


def doom(conn: Connection) -> int:
    """Give no place in any block that there is now; the last one's number, -1 when there is none."""
    marks.locked(conn)
    conn.execute(update(mark_blocks).where(mark_blocks.c.used < SIZE).values(used=SIZE))
    return conn.execute(select(func.coalesce(func.max(mark_blocks.c.block), -1))).scalar_one()


def forget(conn: Connection, last: int, most: int) -> int:
    """Take some calls out of the blocks up to this one, and owe them; how many: 0 when none is left there."""
    marks.locked(conn)
    rows = conn.execute(_SOME, {"end": (last + 1) * SIZE, "most": most}).all()
    if not rows:
        return 0
    changes = Changes()
    for row in rows:
        changes.remove(row.n, row.marks.split(" "))
    changes.write(conn)
    debts.owe_found(conn, rows[-1].n)
    conn.execute(delete(findings).where(findings.c.n <= rows[-1].n))
    return len(rows)


def sweep(conn: Connection, last: int, after: tuple[str, int], most: int) -> tuple[str, int] | None:
    """Remove bitmaps that nobody's row knows of, of blocks up to this one: among the next ones after that mark and
    block.  The mark and block to go on after; None when these were the last."""
    marks.locked(conn)
    rows = conn.execute(_NEXT, {"mark": after[0], "block": after[1], "most": most}).all()
    for first in range(0, len(gone := [row for row in rows if row.block <= last]), marks.AT_ONCE):
        some = [(row.mark, row.block) for row in gone[first : first + marks.AT_ONCE]]
        conn.execute(delete(marks_table).where(tuple_(marks_table.c.mark, marks_table.c.block).in_(some)))
    return (rows[-1].mark, rows[-1].block) if len(rows) == most else None


def finish(conn: Connection, last: int) -> None:
    """The numbers of blocks up to this one are free again."""
    marks.locked(conn)
    conn.execute(delete(mark_blocks).where(mark_blocks.c.block <= last))


_SOME: Final = (
    select(findings.c.n, findings.c.marks)
    .where(findings.c.n < bindparam("end"))
    .order_by(findings.c.n)
    .limit(bindparam("most"))
)
_NEXT: Final = (
    select(marks_table.c.mark, marks_table.c.block)
    .where(tuple_(marks_table.c.mark, marks_table.c.block) > tuple_(bindparam("mark"), bindparam("block")))
    .order_by(marks_table.c.mark, marks_table.c.block)
    .limit(bindparam("most"))
)
