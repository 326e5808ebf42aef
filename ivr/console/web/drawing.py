"""Small drawings as SVG: what a register has used, how far a window has come.

Rules: geometry alone, no words and no colours (classes, which a style sheet colours), so that a drawing needs no
script, prints, and keeps to the Content-Security-Policy; who can't see it has the same in a sentence and a table
beside it.  Coordinates are rounded: a page is read by people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

WIDTH, HEIGHT = 600, 130
"""Units of a drawing; it takes the room that it is given."""

LEFT, RIGHT, TOP, BOTTOM = 44, 6, 8, 20
"""Margins for what stands on the axes."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle.  kind: its class.  title: what it says of itself; at: of the thing that it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    at: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a template writes as <svg>.  lines: class and path each."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[str, str]]
    below: Sequence[Tick]
    left: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    floor: float = HEIGHT - BOTTOM
    start: float = LEFT


def steps(top: float) -> list[float]:
    """A few round values from 0 to what is at least `top`."""
    size = next(n * 10**power for power in range(12) for n in (1, 2, 5) if n * 10**power * 4 >= top)
    count = max(ceil(top / size), 1)
    return [float(size * n) for n in range(count + 1)]


def use(spans: Sequence[tuple[int, int, float, str, str]], usual: float | None, dates: Sequence[Tick]) -> Drawing:
    """What was used a day.

    spans: from, to (days), a day, class and title of each, in order.  usual: a line across.  dates: marks, in days.
    """
    first, last = spans[0][0], max(spans[-1][1], spans[0][0] + 1)
    scale = steps(max([each[2] for each in spans] + ([usual] if usual else []) + [1.0]))
    top = scale[-1]

    def x(day: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (day - first) / (last - first), 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)

    bars = [
        Bar(x(begin), y(value), round(max(x(end) - x(begin) - 1, 1), 1), round(y(0) - y(value), 1), kind, title, n)
        for n, (begin, end, value, kind, title) in enumerate(spans)
    ]
    lines = [("usual", f"M{x(first)} {y(usual)}H{x(last)}")] if usual else []
    return Drawing(
        bars, lines, [Tick(x(each.at), each.text) for each in dates], [Tick(y(each), _short(each)) for each in scale]
    )


def window(
    hours: Sequence[Sequence[int]],
    kinds: Sequence[str],
    whole: int,
    *,
    target: float,
    before: Sequence[int],
    upto: int | None,
    days: Sequence[str],
    titles: Sequence[str],
) -> Drawing:
    """How a window fills: bars of what came in each hour, lines of what has come altogether.

    hours: of each hour how many of each kind.  whole: all there are to come.  target: a share of them.
    before: altogether by hour, in the window before; upto: the hour that it is, None: it is over.
    """
    count = len(hours)
    broad, tall = 960, 260
    left, top, bottom = 70, 16, 30  # what stands on the axes is larger on a phone
    most = max([sum(each) for each in hours] + [1])
    room = broad - left - RIGHT

    def x(hour: float) -> float:
        return round(left + room * hour / count, 1)

    def share(n: float) -> float:
        return round(top + (tall - top - bottom) * (1 - min(n / whole, 1.0) if whole else 1), 1)

    floor = tall - bottom
    bars: list[Bar] = []
    for hour, parts in enumerate(hours):
        standing = float(floor)
        for kind, n in zip(kinds, parts, strict=True):
            if n:
                high = round((tall - top - bottom) * 0.45 * n / most, 1)
                standing = round(standing - high, 1)
                bars.append(
                    Bar(x(hour), standing, round(max(room / count - 0.6, 0.6), 1), high, kind, titles[hour], hour)
                )
    until = count if upto is None else min(max(upto + 1, 0), count)
    total, path = 0, f"M{x(0)} {share(0)}"
    for hour in range(until):
        total += sum(hours[hour])
        path += f"L{x(hour + 1)} {share(total)}"
    lines = [("target", f"M{x(0)} {share(whole * target)}H{x(count)}"), ("now", path)]
    if before:
        lines.insert(
            1, ("before", f"M{x(0)} {share(0)}" + "".join(f"L{x(h + 1)} {share(n)}" for h, n in enumerate(before)))
        )
    return Drawing(
        bars, lines, [Tick(x(24 * n + 12), day) for n, day in enumerate(days)],
        [Tick(share(whole * part / 4), f"{25 * part}%") for part in range(5)], broad, tall, floor, left,
    )  # fmt: skip


def _short(value: float) -> str:
    return f"{value:g}"
