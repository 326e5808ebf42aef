"""What supervisors have switched on for callers to hear."""

from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from domain.commands import HearAnnouncements
from domain.handling import Context, handles
from domain.model import Announcement
from domain.tables import announcements


@handles(HearAnnouncements)
def hear_announcements(conn: Connection, command: HearAnnouncements, context: Context) -> tuple[Announcement, ...]:
    """In the order in which they were switched on; what is on for all and for a region too is heard once."""
    rows = sorted(conn.execute(_HEARD, {"now": context.at, "here": list(command.regions)}), key=lambda row: row.id)
    return tuple(dict.fromkeys(Announcement(row.prompt, row.until) for row in rows))


# How: statements are made once, for making one costs more than running it

_now = bindparam("now", type_=announcements.c.off_at.type)
_HEARD: Final = select(announcements.c.id, announcements.c.prompt, announcements.c.until).where(
    or_(announcements.c.off_at.is_(None), announcements.c.off_at > _now),
    or_(announcements.c.region.is_(None), announcements.c.region.in_(bindparam("here", expanding=True))),
)
"""Without ORDER BY: for the sake of it SQLite would read, by the key, what was announced in all the years."""
