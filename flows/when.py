"""Days and times as people say them: today, tomorrow, on the third of December."""

from datetime import datetime

from domain.rules import HOME, local_day
from ivr.dialog import Phrase


def day(at: datetime, now: datetime) -> Phrase:
    """The day of `at` as seen from `now` (both timezone-aware), in the customers' time zone."""
    ahead = (local_day(at) - local_day(now)).days
    if ahead == 0:
        return Phrase("today")
    if ahead == 1:
        return Phrase("tomorrow")
    return Phrase("on_day", (("day", local_day(at).isoformat()),))


def clock(at: datetime) -> str:
    """The time of day of `at` (timezone-aware) in the customers' time zone, "HH:MM"."""
    return f"{at.astimezone(HOME):%H:%M}"
