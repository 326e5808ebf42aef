"""The numbers by which customers and staff name what was registered.

Rules: eight digits, the last a Damm check digit (it catches every single wrong digit and every swap of neighbours);
the first digit tells what it is the number of, so that a number that is read out over the telephone is enough:

    1 2 3  a request      3,000,000
    4      an order       1,000,000
    5 6    a call back    2,000,000
    7 8 9  an outage report   3,000,000

A number is never given twice.  A meter reading's receipt has the same form and another rule (`rules.receipt_number`):
it is found together with its account.
"""

from enum import StrEnum
from typing import Final

from stdnum import damm


class Series(StrEnum):
    """What a number is the number of."""

    REQUEST = "request"
    ORDER = "order"
    CALLBACK = "callback"
    REPORT = "report"


class NumbersExhausted(OverflowError):
    """A series has come to its end; decision 057 says how to widen it."""


_RANGES: Final = {
    Series.REQUEST: range(1_000_000, 4_000_000),
    Series.ORDER: range(4_000_000, 5_000_000),
    Series.CALLBACK: range(5_000_000, 7_000_000),
    Series.REPORT: range(7_000_000, 10_000_000),
}


def number(series: Series, n: int) -> str:
    """The number of the `n`th (n >= 1) of this series.  Raises ValueError; NumbersExhausted."""
    if n < 1:
        raise ValueError(f"numbers are counted from 1, not {n}")
    places = _RANGES[series]
    if n >= len(places):
        raise NumbersExhausted(f"all {len(places) - 1:,} numbers of {series}s are given away: widen the series")
    digits = str(places[n])
    return digits + damm.calc_check_digit(digits)


def series_of(text: str) -> Series | None:
    """What this is the number of; None when it is no such number: mistyped, or none of ours."""
    if not (len(text) == 8 and text.isascii() and text.isdigit() and damm.is_valid(text)):
        return None
    n = int(text[:-1])
    return next((series for series, places in _RANGES.items() if n in places), None)
