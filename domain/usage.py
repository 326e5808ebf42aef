"""What a register may have counted since its last value, and how likely each figure is.

Rules: pure; kWh (or kvarh) as displayed, before the multiplier.

Theory.  Two bounds, both of decision 034:
  capacity    contracted power x hours / multiplier: more than that cannot have come through the connection;
  believable  the smaller of that and four times the average use plus 150 kWh: an electric heater in January is no
              mistake.
Between them and zero, use is spread around usual x days by a heavy-tailed law (Student t of the logarithm): half of
the months within a factor of 1.36, one in fifty beyond a factor of four.
"""

from dataclasses import dataclass
from datetime import date
from math import ceil, log, pi, sqrt
from typing import Final, Self

from domain.model import Meter, Register

USUAL_TIMES: Final = 4
"""How many times the average use passes without a question."""

USUAL_SLACK: Final = 150.0
"""kWh (multiplied) on top of that, whatever the average: one cold week, one guest with a heater."""

UNKNOWN_SPAN: Final = 366
"""Days assumed since a last value that has no date: a year, so that a long silence is not held against anybody."""

STILL: Final = 3.0
"""Units that a register should have counted before it is odd that it shows the same as last time."""

STILL_DAYS: Final = 7
"""Days after which the same value is odd when the average use is not known."""

SPREAD: Final = 0.4
"""Scale of log(use / usual): half of the months lie within a factor of 1.36 (assumption; winter and guests are in
the tail, a Student t with three degrees of freedom)."""

GRAIN: Final = 5.0
"""Units added to use and usual before they are compared: near zero a few kWh are noise, not a ratio."""

SPANS: Final = (7, 30, 91, 183, UNKNOWN_SPAN)
"""Days, equally likely, since a last value that has no date."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a register may have counted since its last value, and how likely each figure is.

    last, turn: the last value, None when there is none, and 10 ** width.  usual: kWh a day, None when unknown.
    days: since the last value, both ends whole; capacity: the most that the connection can have carried.
    believable: the most that passes without a question.
    """

    last: int | None
    turn: int
    usual: float | None
    days: int
    capacity: int
    believable: int
    dated: bool

    @classmethod
    def of(cls, meter: Meter, register: Register, today: date) -> Self:
        """Of this register, as of `today`."""
        on = register.last_on
        days = max((today - on).days, 0) + 1 if on else UNKNOWN_SPAN
        capacity = believable = ceil(meter.power * 24 * days / meter.multiplier)
        if register.usual is not None:
            usual = USUAL_TIMES * register.usual * days + USUAL_SLACK / meter.multiplier
            believable = min(capacity, ceil(usual))
        return cls(register.last, 10**register.width, register.usual, days, capacity, believable, on is not None)

    def since(self, value: int) -> int | None:
        """Units counted if the display shows `value`: forward, or once past all nines.  None: neither can be.

        None also without a last value.  Past all nines means: by less than half of the range, within the capacity.
        """
        if self.last is None:
            return None
        used = value - self.last
        if used < 0:
            used += self.turn
            return used if used <= min(self.capacity, self.turn // 2) else None
        return used if used <= self.capacity else None

    def shows(self, value: int) -> float:
        """P(the display shows `value` today)."""
        if self.last is None:
            return 1 / self.turn
        used = self.since(value)
        if used is None:
            return 0.0
        if self.usual is None:  # nobody knows the scale: every order of magnitude is as likely
            return 1 / ((used + GRAIN) * log((min(self.capacity, self.turn) + 1 + GRAIN) / GRAIN))
        if self.dated:
            return self._density(used, self.usual * self.days)
        return sum(self._density(used, self.usual * days) for days in SPANS) / len(SPANS)

    @property
    def likeliest(self) -> int:
        """What the display shows after average use; where nothing is known of it, an invented value."""
        if self.last is None:
            return min(1234, self.turn - 1)
        return (self.last + ceil((self.usual or 0) * (self.days - 1))) % self.turn

    @property
    def should_have_moved(self) -> bool:
        """Is it odd to see the same value again?"""
        days = self.days - 1
        return days >= STILL_DAYS if self.usual is None else self.usual * days >= STILL

    @staticmethod
    def _density(used: int, usual: float) -> float:
        off = log((used + GRAIN) / (usual + GRAIN)) / SPREAD
        return 2 / (pi * sqrt(3) * (1 + off * off / 3) ** 2) / (SPREAD * (used + GRAIN))
