"""Which of several readings of a register is billed for a month, and why.

Rules, in this order:
  a doubtful reading isn't billed before somebody has looked at it;
  a reading taken outside the window (a control reading) doesn't close the month, but a control reading of a stronger
  source binds: who shows less on that day or later contradicts it and is passed over (where the policy says so);
  of what is left the strongest source is billed; of equal sources the reading of the later day; of one day the one
  that was stored last;
  when all that could be billed contradicts a control reading, the control reading is billed itself.

Whatever is passed over is named with its reason and with the reading that was preferred to it: who asks "for which
reading did I pay?" gets both figures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from domain.model import Purpose, Source
from domain.policy import PrecedencePolicy


class Why(StrEnum):
    """Why a reading is billed: what set it above the next best one."""

    ONLY = "only"  # there was no other
    STRONGER = "stronger"  # source than the others'
    LATER_DAY = "later_day"
    LATER_STORED = "later_stored"  # on the same day
    CONTROL = "control"  # all others contradicted it
    NOTHING = "nothing"  # can be billed: there is none, or none without a doubt


class Reason(StrEnum):
    """Why a reading was passed over."""

    DOUBTFUL = "doubtful"
    OUTSIDE_WINDOW = "outside_window"
    CONTRADICTS_CONTROL = "contradicts_control"
    WEAKER = "weaker"  # source than that of `by`
    EARLIER_DAY = "earlier_day"
    EARLIER_STORED = "earlier_stored"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading that might be billed.  value: as displayed.  read_on: Europe/Kyiv.  stored: its number in the store.
    purpose: CONTROL when it was taken outside the window."""

    value: int
    read_on: date
    source: Source
    stored: int
    doubtful: bool = False
    purpose: Purpose = Purpose.BILLING


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A reading that isn't billed.  by: the one that was preferred, or that it contradicts; else None."""

    candidate: Candidate
    reason: Reason
    by: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Billed:
    """What is billed, None when nothing can be; why; and what is not, in the order in which it was stored."""

    choice: Candidate | None
    why: Why
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def overridden(self) -> tuple[Candidate, ...]:
        """Readings of other sources that showed something else and had to give way; estimates are none."""
        return tuple(
            each.candidate
            for each in self.passed_over
            if self.choice
            and each.reason in (Reason.WEAKER, Reason.CONTRADICTS_CONTROL, Reason.EARLIER_DAY)
            and each.candidate.source not in (self.choice.source, Source.ESTIMATE)
            and each.candidate.value != self.choice.value
        )


def billed(candidates: Iterable[Candidate], policy: PrecedencePolicy, *, width: int = 12) -> Billed:
    """Which of these readings of one register is billed for the month that they were taken for.

    width: digits of the display, so that one that rolled over since a control reading doesn't contradict it.
    """
    known = sorted(candidates, key=lambda each: each.stored)
    sound = [each for each in known if not each.doubtful]
    controls = [each for each in sound if each.purpose is Purpose.CONTROL]
    closing = [each for each in sound if each.purpose is Purpose.BILLING]
    against = {each: control for each in closing if (control := _against(each, controls, policy, width))}
    ranked = sorted(
        (each for each in closing if each not in against),
        key=lambda each: (policy.rank(each.source), -each.read_on.toordinal(), -each.stored),
    )
    if ranked:
        choice = ranked[0]
        why = _WHY[_behind(ranked[1], choice, policy)] if len(ranked) > 1 else Why.ONLY
    elif against:
        choice = max(against.values(), key=lambda each: (-policy.rank(each.source), each.read_on, each.stored))
        why = Why.CONTROL
    else:
        choice, why = None, Why.NOTHING

    def passed(each: Candidate) -> PassedOver:
        if each.doubtful:
            return PassedOver(each, Reason.DOUBTFUL)
        if each in against:
            return PassedOver(each, Reason.CONTRADICTS_CONTROL, against[each])
        if each.purpose is Purpose.CONTROL or choice is None:
            return PassedOver(each, Reason.OUTSIDE_WINDOW, choice)
        return PassedOver(each, _behind(each, choice, policy), choice)

    return Billed(choice, why, tuple(passed(each) for each in known if each != choice))


def explain(decision: Billed) -> str:
    """The decision in English, for staff: one sentence for the reading that is billed, one for each other one."""
    told = [
        f"Billed: {_named(decision.choice)}, {_TOLD_WHY[decision.why]}."
        if decision.choice
        else "Nothing can be billed: there is no reading for this month without a doubt."
    ]
    for each in decision.passed_over:
        by = f" ({_named(each.by)})" if each.by and each.by != decision.choice else ""
        told.append(f"Not billed: {_named(each.candidate)}, {_TOLD_REASON[each.reason]}{by}.")
    return " ".join(told)


def _against(
    each: Candidate, controls: Sequence[Candidate], policy: PrecedencePolicy, width: int
) -> Candidate | None:
    """The strongest and latest control reading that this one contradicts, if any."""
    if not policy.control_binds:
        return None
    contradicted = [
        control
        for control in controls
        if control.read_on <= each.read_on
        and policy.rank(control.source) < policy.rank(each.source)
        and (each.value - control.value) % 10**width > 10**width // 2
    ]
    return max(contradicted, key=lambda c: (-policy.rank(c.source), c.read_on, c.stored), default=None)


def _behind(each: Candidate, choice: Candidate, policy: PrecedencePolicy) -> Reason:
    if policy.rank(each.source) != policy.rank(choice.source):
        return Reason.WEAKER
    return Reason.EARLIER_DAY if each.read_on != choice.read_on else Reason.EARLIER_STORED


def _named(each: Candidate) -> str:
    return f"{each.value} of {each.read_on.isoformat()} ({each.source.value.replace('_', ' ')})"


_WHY: Final = {
    Reason.WEAKER: Why.STRONGER,
    Reason.EARLIER_DAY: Why.LATER_DAY,
    Reason.EARLIER_STORED: Why.LATER_STORED,
}
_TOLD_WHY: Final = {
    Why.ONLY: "the only reading that can be",
    Why.STRONGER: "because its source goes before the others",
    Why.LATER_DAY: "because it was read last",
    Why.LATER_STORED: "because it was given last on that day",
    Why.CONTROL: "the control reading, because all later readings show less",
}
_TOLD_REASON: Final = {
    Reason.DOUBTFUL: "because it is doubtful and nobody has resolved that yet",
    Reason.OUTSIDE_WINDOW: "because it was taken outside the window and is a control reading",
    Reason.CONTRADICTS_CONTROL: "because it shows less than an earlier control reading",
    Reason.WEAKER: "because its source ranks lower",
    Reason.EARLIER_DAY: "because it was read on an earlier day",
    Reason.EARLIER_STORED: "because another one was given later on that day",
}
