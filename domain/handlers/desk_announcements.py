"""Supervisors switch announcements on and off.

Rules: of one prompt and one region one is on at a time, the newest; what says until when goes off by itself then, for
afterwards it would be a lie.
"""

from typing import Final

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from domain import news
from domain.desk import AlreadyDone, BadTime, DeskRefusal, SwitchOff, SwitchOn
from domain.handling import Context, Unanswerable, handles
from domain.tables import announcements, buildings


@handles(SwitchOn)
def switch_on(conn: Connection, command: SwitchOn, context: Context) -> int:
    """Raises BadTime; DeskRefusal for a region in which nobody lives."""
    if command.until is not None and command.until <= context.at:
        raise BadTime(f"nothing can be announced until {command.until}: it is {context.at}")
    if command.region is not None and conn.execute(_REGION, {"of": command.region}).first() is None:
        there_are = ", ".join(conn.scalars(_REGIONS)) or "none: no addresses have been imported"
        raise DeskRefusal(f"no address that we know is in region {command.region!r}; regions: {there_are}")
    same = {"of_prompt": command.prompt, "of_region": command.region, "now": context.at}
    for standing in conn.execute(_STANDING, same).all():
        _off(conn, standing.id, context)
    values = {
        "prompt": command.prompt,
        "region": command.region,
        "until": command.until,
        "on_at": context.at,
        "on_by": context.by,
        "off_at": command.until,
    }
    key: int = conn.execute(_ON, values).scalar_one()
    news.tell(
        conn, "announcement.on", context.at,
        announcement=key, prompt=command.prompt, region=command.region, until=command.until,
    )  # fmt: skip
    return key


@handles(SwitchOff)
def switch_off(conn: Connection, command: SwitchOff, context: Context) -> None:
    """Raises AlreadyDone."""
    row = conn.execute(_ONE, {"of": command.announcement}).one_or_none()
    if row is None:
        raise Unanswerable(f"there is no announcement {command.announcement}")
    if row.off_at is not None and row.off_at <= context.at:
        raise AlreadyDone(f"announcement {command.announcement} is off since {row.off_at}")
    _off(conn, row.id, context)
    news.tell(conn, "announcement.off", context.at, announcement=row.id, prompt=row.prompt, region=row.region)


def _off(conn: Connection, announcement: int, context: Context) -> None:
    conn.execute(_OFF, {"of": announcement, "now": context.at, "who": context.by})


# How: statements are made once, for making one costs more than running it

_now = bindparam("now", type_=announcements.c.off_at.type)
_on = or_(announcements.c.off_at.is_(None), announcements.c.off_at > _now)
_of_region = bindparam("of_region", type_=announcements.c.region.type)
_REGION: Final = select(buildings.c.id).where(buildings.c.region == bindparam("of")).limit(1)
_REGIONS: Final = select(buildings.c.region).distinct().order_by(buildings.c.region).limit(50)
_ON: Final = insert(announcements).returning(announcements.c.id)
_ONE: Final = select(announcements).where(announcements.c.id == bindparam("of")).with_for_update()
_STANDING: Final = select(announcements.c.id).where(
    _on,
    announcements.c.prompt == bindparam("of_prompt"),
    or_(announcements.c.region == _of_region, and_(announcements.c.region.is_(None), _of_region.is_(None))),
)
_OFF: Final = (
    update(announcements).where(announcements.c.id == bindparam("of")).values(off_at=_now, off_by=bindparam("who"))
)
