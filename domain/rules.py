"""The arithmetic of the business: check digits and days.  Whether a reading is believable: `domain.doubt`.

Rules: pure; no clock, no database.
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from stdnum import damm

HOME: Final = ZoneInfo("Europe/Kyiv")
"""Where a day begins and ends for readings, deadlines and billing."""


def local_day(at: datetime) -> date:
    """The day at the customers' place at this instant.  `at`: timezone-aware, else ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone: instants are timezone-aware UTC here")
    return at.astimezone(HOME).date()


def account_number_is_sound(number: str) -> bool:
    """Ten ASCII digits of which the last is the Damm check digit: catches every single wrong digit and every swap."""
    return len(number) == 10 and number.isascii() and number.isdigit() and bool(damm.is_valid(number))


def receipt_number(n: int) -> str:
    """The number of the `n`th submission (n >= 1): seven digits that count, one Damm check digit.

    They come round again after ten million; a receipt is found by number *and* account.
    """
    if n < 1:
        raise ValueError(f"submissions are counted from 1, not {n}")
    digits = f"{n % 10_000_000:07d}"
    return digits + damm.calc_check_digit(digits)
