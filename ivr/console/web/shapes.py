"""How days, months, moments and telephones are written, on every page and in every file.

Rules: times are Kyiv's; months are `console.months*`: short where a day is named, whole where a month is spoken of,
of a date (22 листопада) in letters.  The filters of `look` say it for templates.
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from ivr.console.web.words import Tongue

KYIV: Final = ZoneInfo("Europe/Kyiv")


def short(that: date, t: Tongue) -> str:
    """лис."""
    return _name("short", that, t)


def day(that: date, t: Tongue, *, year: bool = True) -> str:
    """22 лис 2026; without the year 22 лис."""
    shown = f"{that.day}\u00a0{short(that, t)}"
    return f"{shown}\u00a0{that.year}" if year else shown


def month(that: date, t: Tongue) -> str:
    """листопад 2026."""
    return f"{_name('whole', that, t)} {that.year}"


def tick(that: date, t: Tongue) -> str:
    """лис 26, where a chart has little room."""
    return f"{short(that, t)} {that:%y}"


def dated(that: date, t: Tongue) -> str:
    """22 листопада 2026, as letters are dated."""
    return f"{that.day} {_name('of', that, t)} {that.year}"


def moment(at: datetime, t: Tongue) -> str:
    """22 лис 2026 14:25, of Kyiv."""
    local = at.astimezone(KYIV)
    return f"{day(local.date(), t)} {local:%H:%M}"


def telephone(number: str) -> str:
    """+380671234567 -> +380 67 123 45 67 with spaces that don't break; what is masked likewise."""
    if len(number) == 13 and number.startswith("+380"):
        return "\u00a0".join((number[:4], number[4:6], number[6:9], number[9:11], number[11:]))
    return number


def _name(form: str, that: date, t: Tongue) -> str:
    return t(f"console.months_{form}").split()[that.month - 1]
