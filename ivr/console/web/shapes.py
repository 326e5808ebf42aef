"""How days, moments and telephones are written wherever there is no template: rows of a call, files.

Rule: the same as the filters of `look`, which say it for templates.
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from ivr.console.web.words import Tongue

KYIV: Final = ZoneInfo("Europe/Kyiv")


def day(that: date, t: Tongue) -> str:
    """22 лис 2026."""
    return f"{that.day}\u00a0{t('story.months').split()[that.month - 1]}\u00a0{that.year}"


def moment(at: datetime, t: Tongue) -> str:
    """22 лис 2026 14:25, of Kyiv."""
    local = at.astimezone(KYIV)
    return f"{day(local.date(), t)} {local:%H:%M}"


def telephone(number: str) -> str:
    """+380671234567 -> +380 67 123 45 67 with spaces that don't break."""
    if len(number) == 13 and number.startswith("+380"):
        return "\u00a0".join((number[:4], number[4:6], number[6:9], number[9:11], number[11:]))
    return number
