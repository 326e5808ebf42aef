"""What is billed for a month in which nobody read the meter.

Rules:
  an estimate goes on from the last *measured* reading up to the first day of the next month, as of which a month is
  closed; readings after that day are not looked at, so that an estimate made again later is the same;
  the methods of the policy are tried in its order; when none has enough history there is no estimate (None):
    average    energy used in the last intervals between measured readings, whole intervals, newest first, until they
               have `days` days; divided by their days, times the days to bridge;
    year ago   energy used from the same day a year ago to the same day a year ago, where readings not more than
               `gap_days` apart lie around both; between two readings use is even.  Not scaled for a leap day;
    usual      the average use that is noted at the register, times the days to bridge;
  all in whole numbers; use is rounded down to a displayed unit: the rest shows in the next measured reading;
  nothing runs backwards: an estimate is never below the value that the month before was billed at, use is never
  negative;
  each register (zone, reactive energy) is estimated on its own;
  a replaced meter counts with its own display and multiplier; what was used before the change counts in the average
  as energy, what lies between the old meter's last reading and the new one's first is not known and left out.

Theory of a display: it shows a count modulo 10**width.  From one reading to the next the count goes the shorter way
round: forward, or backward, which a counter can't: then the earlier readings that stand above the later one were
wrong, and the later one is believed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import floor

from domain.model import Source
from domain.policy import EstimatePolicy, Method
from domain.window import Period


@dataclass(frozen=True, slots=True)
class Past:
    """A reading that counted.  value: as displayed.  read_on: Europe/Kyiv."""

    value: int
    read_on: date
    source: Source


@dataclass(frozen=True, slots=True)
class Mounted:
    """One register as long as its meter was there.  readings: that counted, in any order; of one day the later entry
    is believed.  The reading at which it was set up, and the one at which it was taken down, are among them."""

    width: int
    readings: tuple[Past, ...]
    multiplier: int = 1


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an estimate was computed from.

    base: the measured reading that it goes on from.  days: from then until `until`, to be bridged.
    first, last: the stretch whose use was taken as the measure; kwh: used in it (multiplied); over: its days.
    All three are None when the measure was the use noted at the register.
    """

    base: Past
    until: date
    days: int
    first: date | None = None
    last: date | None = None
    kwh: int | None = None
    over: int | None = None

    def as_mapping(self) -> Mapping[str, int | str]:
        """For storing as JSON; days in ISO 8601; what is None is left out."""
        flat = {
            "base": self.base.value,
            "base_on": self.base.read_on.isoformat(),
            "base_source": self.base.source.value,
            "until": self.until.isoformat(),
            "days": self.days,
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "kwh": self.kwh,
            "over": self.over,
        }
        return {name: each for name, each in flat.items() if each is not None}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would be shown, and billed, at the end of the period.

    value: as displayed, rolled over if need be.  used_kwh: since the value that the month before was billed at,
    multiplied; kvarh for a reactive register.
    """

    value: int
    used_kwh: int
    method: Method
    inputs: Inputs


def estimate(
    history: Sequence[Mounted],
    period: Period,
    policy: EstimatePolicy,
    *,
    billed: Past | None = None,
    usual: float | None = None,
) -> Estimate | None:
    """What one register is billed for this month if nobody reads it; None when its history tells nothing.

    history: the meters that it was, the oldest first; the last one is in place.
    billed: what the month before was billed at (measured or estimated); who knows it should say so.  When None, the
    reading nearest to the first day of this month, estimates among them.
    usual: average use, kWh a day as displayed by the meter in place.
    """
    until = period.next.first
    stretches = [stretch for each in history if (stretch := _Stretch.of(each, until)).points]
    if not stretches or stretches[-1].mounted is not history[-1]:
        return None  # the meter in place was never read
    here = stretches[-1]
    base, count = here.points[-1]
    days = (until - base.read_on).days
    for method in policy.methods:
        measure: _Measure | None = None
        if method is Method.USUAL:
            used = None if usual is None else floor(max(usual, 0) * days)
        elif method is Method.AVERAGE:
            measure = _average(stretches, policy)
            used = measure and measure.kwh * days // (measure.days * here.mounted.multiplier)
        else:
            measure = _year_ago(stretches, base.read_on, until, policy)
            used = measure and measure.kwh // here.mounted.multiplier
        if used is not None:
            inputs = (
                Inputs(base, until, days, measure.first, measure.last, measure.kwh, measure.days)
                if measure
                else Inputs(base, until, days)
            )
            before = billed or _billed(history, period)
            shown, kwh = _from(before, count + used, stretches)
            return Estimate(shown % 10**here.mounted.width, kwh, method, inputs)
    return None


@dataclass(frozen=True, slots=True)
class _Measure:
    """Energy that was measured from one day to another."""

    first: date
    last: date
    kwh: int
    days: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A register that was mounted, its measured readings with a count that doesn't roll over, in displayed units."""

    mounted: Mounted
    points: tuple[tuple[Past, int], ...]

    @classmethod
    def of(cls, mounted: Mounted, until: date) -> "_Stretch":
        points: list[tuple[Past, int]] = []
        known = (each for each in mounted.readings if each.source is not Source.ESTIMATE and each.read_on <= until)
        for each in sorted(known, key=lambda past: past.read_on):
            count = each.value if not points else _count(each.value, *points[-1], mounted.width)
            while points and (points[-1][1] > count or points[-1][0].read_on == each.read_on):
                points.pop()
            points.append((each, count))
        return cls(mounted, tuple(points))

    def count(self, past: Past) -> int:
        """Where on this count a reading lies that needn't be one of the points."""
        near = next((point for point in reversed(self.points) if point[0].read_on <= past.read_on), self.points[0])
        return _count(past.value, *near, self.mounted.width)

    def kwh(self, from_count: int, to_count: int) -> int:
        return (to_count - from_count) * self.mounted.multiplier

    @property
    def intervals(self) -> Iterator[_Measure]:
        """Between readings that follow each other, the newest first."""
        for (late, high), (early, low) in pairwise(reversed(self.points)):
            yield _Measure(early.read_on, late.read_on, self.kwh(low, high), (late.read_on - early.read_on).days)


def _count(value: int, near: Past, count: int, width: int) -> int:
    """The count at which `value` is shown that is closest to a known one."""
    forward = (value - near.value) % 10**width
    return count + (forward if forward <= 10**width // 2 else forward - 10**width)


def _average(stretches: Sequence[_Stretch], policy: EstimatePolicy) -> _Measure | None:
    kwh = days = 0
    first = last = None
    for interval in (each for stretch in reversed(stretches) for each in stretch.intervals):
        if days >= policy.days:
            break
        kwh, days = kwh + interval.kwh, days + interval.days
        first, last = interval.first, last or interval.last
    return _Measure(first, last, kwh, days) if first and last and days >= policy.least_days else None


def _year_ago(stretches: Sequence[_Stretch], base_on: date, until: date, policy: EstimatePolicy) -> _Measure | None:
    first, last = _year_before(base_on), _year_before(until)
    for curve in _curves(stretches):
        begin, end = _at(curve, first, policy.gap_days), _at(curve, last, policy.gap_days)
        if begin is not None and end is not None:
            return _Measure(first, last, floor(end - begin), (last - first).days)
    return None


def _curves(stretches: Sequence[_Stretch]) -> Iterator[list[tuple[date, int]]]:
    """Energy (kWh) by day; the curve goes on where a meter was replaced on the day of its last reading."""
    curve: list[tuple[date, int]] = []
    for stretch in stretches:
        (begin, origin), *_ = stretch.points
        if curve and curve[-1][0] != begin.read_on:
            yield curve
            curve = []
        carried = curve.pop()[1] if curve else 0
        curve += [(past.read_on, carried + stretch.kwh(origin, count)) for past, count in stretch.points]
    yield curve


def _at(curve: Sequence[tuple[date, int]], day: date, gap_days: int) -> Fraction | None:
    """Energy on the curve on this day; None outside it and between readings that are too far apart."""
    if day == curve[-1][0]:
        return Fraction(curve[-1][1])
    for (begin, low), (end, high) in pairwise(curve):
        if begin <= day < end:
            if day != begin and (end - begin).days > gap_days:
                return None
            return low + Fraction((high - low) * (day - begin).days, (end - begin).days)
    return None


def _year_before(day: date) -> date:
    """The same day a year ago; 28 February for the 29th."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _billed(history: Sequence[Mounted], period: Period) -> Past:
    """What the month before seems to have been billed at; only called where there is a reading."""
    known = sorted((each for mounted in history for each in mounted.readings), key=lambda past: past.read_on)
    return min(reversed(known), key=lambda past: abs((past.read_on - period.first).days))


def _from(before: Past, count: int, stretches: Sequence[_Stretch]) -> tuple[int, int]:
    """The count that is billed, not below `before` on the meter in place; and kWh from `before` to it, at least 0."""
    here = stretches[-1]
    holder = next(
        (each for each in reversed(stretches) if before in each.mounted.readings),
        next((each for each in reversed(stretches) if each.points[0][0].read_on <= before.read_on), stretches[0]),
    )
    if holder is here:
        floor_count = here.count(before)
        count = max(count, floor_count)
        return count, here.kwh(floor_count, count)
    between = stretches[stretches.index(holder) + 1 : -1]
    kwh = holder.kwh(holder.count(before), holder.points[-1][1])
    kwh += sum(each.kwh(each.points[0][1], each.points[-1][1]) for each in between)
    return count, max(kwh + here.kwh(here.points[0][1], count), 0)
