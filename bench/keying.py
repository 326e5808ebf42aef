"""Keying errors, simulated: how many are accepted, what that costs honest callers, how well doubt diagnoses.

    python -m bench.keying            a minute; keeps bench/results/keying.json and renews docs/doubt.md
    python -m bench.keying --quick    few callers, nothing kept

Nobody is diced for who misses an error in a read-back: each erring caller (`bench.callers`) is led through the
conversation, and the probability that the wrong value ends as ACCEPTED is worked out along the way.  So figures of
one in a million need no billion calls, and one run answers for every assumption about callers (`Habits`).
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import variance
from typing import Final

from pydantic import BaseModel
from rich.console import Console

from bench import tables
from bench.callers import (
    RATES,
    SEVERAL,
    SLIPS,
    TODAY,
    ZONED,
    Reading,
    before,
    coincidence,
    first,
    keyed,
    reading,
    slips,
)
from bench.figures import RESULTS, Machine, save
from bench.report import put
from domain.doubt import Ask, Doubtful, Guess, Plausible, diagnose, offer, too_wide
from domain.model import Register
from domain.slips import Hypothesis
from flows.repair import differing

PAGE = Path(__file__).resolve().parents[1] / "docs" / "doubt.md"
MISSES: Final = (0.001, 0.003, 0.01, 0.03, 0.05)
REPEATS: Final = (0.0, 0.01, 0.036)
DENIALS: Final = (0.0, 0.05, 0.2)
ASKS: Final = {
    Hypothesis.DECIMALS: Ask.DECIMALS,
    Hypothesis.ZONES_SWAPPED: Ask.OTHER_ZONE,
    Hypothesis.OTHER_METER: Ask.OTHER_METER,
    Hypothesis.UNCHANGED: Ask.UNCHANGED,
}
"""What names each mistake."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How callers check.

    miss: P(a slip is not noticed in the read-back), and P(a proposal that is wrong is taken).
    repeat: P(the same slip again when keying again), beyond accident.
    deny: P(a question that names the caller's mistake is answered "no, as keyed"); None: as `miss`.
    """

    miss: float = 0.01
    repeat: float = 0.01
    deny: float | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """How a plausible value is confirmed.

    again: risk from which it is keyed again.  named: mistakes are named where they are likely.  back: read back too.
    repair: where the two differ in one digit, that digit alone is asked for (else all of it is keyed anew).
    """

    name: str
    again: float
    named: bool = True
    back: bool = True
    repair: bool = False


NEVER: Final = 2.0
DESIGNS: Final = (
    Design("read back, nothing named", NEVER, named=False),
    Design("read back; likely mistakes named", NEVER),
    Design("keyed again where the risk is over 5 %, read back", 0.05),
    Design("keyed again where the risk is over 1 %, read back", 0.01),
    Design("keyed again where the risk is over 0.5 %, read back", 0.005),
    Design("everybody keys the last digits again, not read back", 0.0, back=False),
    Design("everybody keys the last digits again, read back", 0.0),
    Design("everybody keys the last digits again, one that differs alone once more; read back", 0.0, repair=True),
)
CHOSEN: Final = DESIGNS[-1]


@dataclass(frozen=True, slots=True)
class Fate:
    """An error and where the conversation leads it.

    off: kWh as displayed between what was keyed and what is true.  asked: None when the value is too wide.
    risk: None unless plausible.  again: P(keying again makes the same number by accident).
    third: P(the digit that differs is keyed wrong too, by accident); None where not exactly one does.
    proposed: is a wrong value proposed?  ranks: of the right explanation among hypotheses, and with its value.
    """

    kind: Hypothesis
    weight: float
    off: int
    asked: Ask | None
    risk: float | None
    again: float = 0.0
    proposed: bool = False
    resolved: bool = False
    ranks: tuple[int, int] | None = None
    third: float | None = None

    def accepted(self, design: Design, habits: Habits) -> float:
        """P(the wrong value is stored as accepted, and nobody is asked to look at it)."""
        back = habits.miss if design.back else 1.0
        mistaken = self.kind not in SLIPS
        if self.risk is None:  # doubted: who insists is looked at; what we propose is keyed again, in full
            return habits.miss * self.again * back if self.proposed and not mistaken else 0.0
        if mistaken:
            named = design.named and self.asked is ASKS[self.kind]
            return (habits.miss if habits.deny is None else habits.deny) if named else 1.0
        if self.risk < design.again or self.asked is Ask.UNCHANGED:
            return habits.miss
        wrong = habits.repeat + (1 - habits.repeat) * self.again
        if design.repair and self.third is not None:  # the second keying was right: two of three decide
            wrong += (1 - wrong) * (habits.repeat + (1 - habits.repeat) * self.third)
        return wrong * back


def fate(kind: Hypothesis, weight: float, at: Reading, made: str) -> Fate:
    """Lead one error through the conversation; swapped zones through both: the better chance to be noticed counts."""
    first = _fate(kind, weight, at, at.register, at.shown, made, ())
    other = next((r for r in at.meter.registers if r.zone != at.register.zone), None)
    if kind is not Hypothesis.ZONES_SWAPPED or other is None or first.asked is None or first.risk is None:
        return first
    shown = at.others[at.meter.number, other.zone]
    second = _fate(kind, weight, at, other, shown, str(at.shown), ((at.register, int(made)),))
    noticed = second.risk is None or (second.asked is ASKS[kind] and first.asked is not ASKS[kind])
    return replace(second, off=first.off) if noticed else first


def _fate(
    kind: Hypothesis,
    weight: float,
    at: Reading,
    of: Register,
    shown: int,
    made: str,
    given: tuple[tuple[Register, int], ...],
) -> Fate:
    off = abs(int(made) - shown)
    if len(made) > of.width:
        question = offer(too_wide(at.meter, of, made, TODAY))
        meant = question.meant if question else None
        return Fate(
            kind, weight, off, question.ask if question else None, None, _again(at, meant),
            meant not in (None, shown), meant == shown,
        )  # fmt: skip
    verdict = diagnose(at.meter, of, int(made), TODAY, neighbours=at.neighbours, given=given)
    match verdict:
        case Plausible(confirm=question, again=digits):
            again = coincidence(at.digits[-digits:], int(made) % 10**digits) if digits else 0.0
            alone = third(f"{shown:0{of.width}d}"[-digits:], made.zfill(of.width)[-digits:]) if digits else None
            return Fate(kind, weight, off, question.ask, verdict.risk, again, third=alone)
        case Doubtful(question=question):
            resolved = question.meant == shown or question.ask is ASKS.get(kind)
            return Fate(
                kind, weight, off, question.ask, None, _again(at, question.meant),
                question.meant not in (None, shown), resolved, _ranks(kind, shown, verdict.guesses),
            )  # fmt: skip


def third(meant: str, made: str) -> float | None:
    """P(who is asked for the one digit in which `made` differs from `meant` keys that of `made`, by accident); None
    where not exactly one differs.  Slips are counted per number keyed, so this is too many for one digit."""
    at = differing(meant, made)
    return None if at is None else coincidence(meant[at], int(made[at]))


def _again(at: Reading, meant: int | None) -> float:
    return coincidence(at.digits, meant) if meant is not None and meant != at.shown else 0.0


def _ranks(kind: Hypothesis, shown: int, guesses: tuple[Guess, ...]) -> tuple[int, int]:
    """Places (from 0) of the right hypothesis, its values taken together, and of it with the right value."""
    by = dict[str, float]()
    for guess in guesses:
        of = "as keyed" if guess.as_keyed else guess.hypothesis.value
        by[of] = by.get(of, 0.0) + guess.weight
    order = sorted(by, key=lambda name: -by[name])
    exact = [i for i, g in enumerate(guesses) if g.hypothesis is kind and g.meant in (None, shown)]
    return (order.index(kind.value) if kind.value in order else 99), (exact[0] if exact else 99)


def errors(chance: random.Random, each: int) -> list[Fate]:
    """`each` tries at every kind of error, weighted by how often it happens."""
    found = list[Fate]()
    for kind, rate in RATES.items():
        zoned, several = (kind is Hypothesis.ZONES_SWAPPED) or None, (kind is Hypothesis.OTHER_METER) or None
        share = ZONED if zoned else SEVERAL if several else 1.0
        for _ in range(each):
            at = reading(chance, zoned=zoned, several=several)
            if zoned:  # swapped are both; the first one asked for is the first to be noticed
                at = first(at)
            if (made := keyed(chance, kind, at)) is not None:
                found.append(fate(kind, rate * share / each, at, made))
    return found


class Honest(BaseModel):
    """Correct values.

    asks: share by question.  doubted: share that is stored as doubtful when the caller insists.  over: share that is
    keyed again, by design; slipped: share in which that goes wrong; repaired: share in which one digit is then asked
    for; spoilt: share that ends as a wrong value so, by miss.  ms: CPU of a diagnosis, p50 and p99.
    """

    n: int
    asks: dict[str, float]
    doubted: float
    over: dict[str, float]
    slipped: float
    repaired: float
    spoilt: list[float]
    ms: tuple[float, float]


def honest(chance: random.Random, count: int) -> Honest:
    """`count` correct values."""
    asks, took, doubted, slipped, repaired = dict[str, int](), list[float](), 0, 0.0, 0.0
    spoilt = [0.0] * len(MISSES)
    over = {design.name: 0 for design in DESIGNS}
    for _ in range(count):
        at = reading(chance)
        began = time.thread_time()
        verdict = diagnose(at.meter, at.register, at.shown, TODAY, neighbours=at.neighbours, given=before(at))
        took.append((time.thread_time() - began) * 1e3)
        question = verdict.confirm if isinstance(verdict, Plausible) else verdict.question
        key = f"{'doubted' if isinstance(verdict, Doubtful) else 'plausible'}: {question.ask}"
        asks[key] = asks.get(key, 0) + 1
        doubted += isinstance(verdict, Doubtful)
        if isinstance(verdict, Plausible) and verdict.again:
            slipped += sum(RATES[kind] for kind in SLIPS)
            last = at.digits.zfill(at.register.width)[-verdict.again :]
            for kind, made, chance_of in slips(last):
                wrong = third(last, made)
                if wrong is not None:
                    repaired += RATES[kind] * chance_of
                    for i, habits in enumerate(Habits(miss) for miss in MISSES):
                        again = habits.repeat + (1 - habits.repeat) * wrong
                        spoilt[i] += RATES[kind] * chance_of * again * habits.miss
            for design in DESIGNS:
                over[design.name] += verdict.risk >= design.again
    took.sort()
    return Honest(
        n=count,
        asks={key: n / count for key, n in sorted(asks.items(), key=lambda item: -item[1])},
        doubted=doubted / count,
        over={name: n / count for name, n in over.items()},
        slipped=slipped / count,
        repaired=repaired / count,
        spoilt=[n / count for n in spoilt],
        ms=(round(took[count // 2], 3), round(took[int(count * 0.99)], 3)),
    )


class Kind(BaseModel):
    """One kind of error.  Shares: of all errors; of its own: found plausible; of the doubted: ranked right."""

    kind: str
    n: int
    share: float
    plausible: float
    first: float
    two: float
    exact_first: float
    exact_two: float
    resolved: float
    accepted: float


class Keying(BaseModel):
    """A run.  accepted: design -> miss -> of 10,000 errors; large: the same, wrong by more than `LARGE` kWh;
    repeated: repeat -> miss -> of 10,000 errors, as chosen; misread: a misread digit's way to ACCEPTED;
    spread: standard error of the chosen design's figure at miss 1 %."""

    machine: Machine
    errors: int
    honest: Honest
    kinds: list[Kind]
    accepted: dict[str, list[float]]
    large: dict[str, list[float]]
    repeated: dict[str, list[float]]
    denied: dict[str, list[float]]
    misread: float
    spread: float


LARGE: Final = 50
"""kWh as displayed."""


def per(fates: Iterable[Fate], chance: Callable[[Fate], float]) -> float:
    """Expected share, by weight."""
    listed = list(fates)
    whole = sum(f.weight for f in listed)
    return sum(f.weight * chance(f) for f in listed) / whole if whole else 0.0


def of_kind(kind: Hypothesis, fates: list[Fate]) -> Kind:
    """What became of one kind."""
    mine = [f for f in fates if f.kind is kind]
    doubted = [f for f in mine if f.ranks]
    return Kind(
        kind=kind.value,
        n=len(mine),
        share=sum(f.weight for f in mine) / sum(f.weight for f in fates),
        plausible=per(mine, lambda f: f.risk is not None),
        first=per(doubted, lambda f: f.ranks is not None and f.ranks[0] == 0),
        two=per(doubted, lambda f: f.ranks is not None and f.ranks[0] <= 1),
        exact_first=per(doubted, lambda f: f.ranks is not None and f.ranks[1] == 0),
        exact_two=per(doubted, lambda f: f.ranks is not None and f.ranks[1] <= 1),
        resolved=per([f for f in mine if f.risk is None], lambda f: f.resolved),
        accepted=per(mine, lambda f: f.accepted(CHOSEN, Habits())) * 1e4,
    )


def _variance(kind: Hypothesis, fates: list[Fate]) -> float:
    """What one kind adds to the variance of the chosen design's share of accepted errors."""
    found = [f.accepted(CHOSEN, Habits()) for f in fates if f.kind is kind]
    share = sum(f.weight for f in fates if f.kind is kind) / sum(f.weight for f in fates)
    return share**2 * variance(found) / len(found)


def measure(each: int, seed: int = 34) -> Keying:
    """Simulate.  each: tries at every kind of error, and as many correct values."""
    chance = random.Random(seed)
    fates = errors(chance, each)

    def row(design: Design, large: bool = False, **more: float) -> list[float]:
        counted = [f for f in fates if f.off > LARGE] if large else fates
        whole = sum(f.weight for f in fates)
        habits = [Habits(miss, **more) for miss in MISSES]
        return [1e4 * sum(f.weight * f.accepted(design, each) for f in counted) / whole for each in habits]

    wrong = [f for f in fates if f.kind is Hypothesis.WRONG_DIGIT]
    return Keying(
        machine=Machine.this(),
        errors=len(fates),
        honest=honest(chance, each),
        kinds=[of_kind(kind, fates) for kind in RATES],
        accepted={design.name: row(design) for design in DESIGNS},
        large={design.name: row(design, large=True) for design in DESIGNS},
        repeated={f"{repeat:.1%}": row(CHOSEN, repeat=repeat) for repeat in REPEATS},
        denied={f"{deny:.0%}": row(CHOSEN, deny=deny) for deny in DENIALS},
        misread=per(wrong, lambda f: f.risk is not None),
        spread=1e4 * sum(_variance(kind, fates) for kind in RATES) ** 0.5,
    )


def _misses() -> list[str]:
    return [f"miss {miss:.1%}" for miss in MISSES]


def sections(run: Keying) -> dict[str, list[tuple[str, tables.Rows]]]:
    """The tables of docs/doubt.md, by mark."""
    designs = [["how a plausible value is confirmed", "honest callers who key again", *_misses()]]
    large = [["how a plausible value is confirmed", *_misses()]]
    for design in DESIGNS:
        asked = f"{run.honest.over[design.name]:.1%}"
        designs.append([design.name, asked, *(f"{n:.2f}" for n in run.accepted[design.name])])
        large.append([design.name, *(f"{n:.2f}" for n in run.large[design.name])])
    kinds = [["slip or mistake", "of all errors", "plausible as keyed", "kind first", "in the top two",
              "with its value first", "in the top two", "named by the question", "accepted of 10,000"]]  # fmt: skip
    for k in run.kinds:
        shares = (k.share, k.plausible, k.first, k.two, k.exact_first, k.exact_two, k.resolved)
        kinds.append([k.kind, *(f"{s:.1%}" for s in shares), f"{k.accepted:.2f}"])
    repeated = [["the same slip again", *_misses()]]
    repeated += [[name, *(f"{n:.2f}" for n in row)] for name, row in run.repeated.items()]
    denied = [["a question that names the mistake is denied", *_misses()]]
    denied += [[name, *(f"{n:.2f}" for n in row)] for name, row in run.denied.items()]
    asks = [["question", "of correct values"], *([a, f"{s:.2%}"] for a, s in run.honest.asks.items())]
    return {
        "accepted": [
            ("Wrong values accepted, of 10,000 keying errors", designs),
            (f"Of these, wrong by more than {LARGE} kWh", large),
        ],
        "habits": [
            (f"As chosen ({CHOSEN.name}): of 10,000 errors, by how often a slip repeats itself", repeated),
            ("As chosen: of 10,000 errors, by how callers answer", denied),
        ],
        "kinds": [("By kind; ranks are of values that were doubted, acceptance as chosen at miss 1 %", kinds)],
        "honest": [(f"What {run.honest.n} correct values are asked", asks)],
    }


def facts(run: Keying) -> list[str]:
    """Figures that stand in no table."""
    p50, p99 = run.honest.ms
    return [
        f"{run.errors} errors, {run.honest.n} correct values; {p50:.2f} ms of CPU each (p50; p99: {p99:.2f}).",
        f"Sampling error of the last row of the first table at miss 1 %: {run.spread:.2f} (one standard error).",
        f"Stored as doubtful when the caller insists: {run.honest.doubted:.2%} of correct values.",
        f"Slips of the second keying, as chosen: {run.honest.slipped:.2%} of correct values; in "
        f"{run.honest.repaired:.2%} one digit differs and is asked for, the others are keyed a third time.",
        "Of 10,000 slips of the second keying these are then taken for the value and accepted: "
        + ", ".join(
            f"{1e4 * spoilt / run.honest.slipped:.2f} (miss {miss:.1%})"
            for miss, spoilt in zip(MISSES, run.honest.spoilt, strict=True)
        )
        + ".",
        f"A misread digit (no keying error: the eye's, repeated faithfully) is plausible in {run.misread:.0%} of "
        "cases; no confirmation of any design finds it then.",
    ]  # fmt: skip


def main() -> None:
    """Simulate keying errors."""
    parser = argparse.ArgumentParser(prog="python -m bench.keying", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="few callers, nothing kept; to see that it works")
    parser.add_argument("--each", type=int, default=20_000, help="tries at every kind of error")
    given = parser.parse_args()
    run = measure(500 if given.quick else given.each)
    console = Console(highlight=False)
    for shown in sections(run).values():
        tables.show(console, shown)
    for fact in facts(run):
        console.print(fact)
    if not given.quick:
        console.print(f"kept as {save('keying', run)}")
        renew(run)


def renew(run: Keying) -> None:
    """Put the figures into docs/doubt.md."""
    try:
        PAGE.write_text(page(PAGE.read_text("utf-8"), run), "utf-8")
    except LookupError as fault:
        sys.exit(f"bench: {PAGE}: {fault}")


def page(text: str, run: Keying) -> str:
    """The page with the figures of `run` in their places."""
    found = {name: tables.markdown(shown) for name, shown in sections(run).items()}
    found["facts"] = "".join(f"- {fact}\n" for fact in facts(run))
    return put(text, found)


def kept() -> Keying:
    """The last run that was kept."""
    return Keying.model_validate_json((RESULTS / "keying.json").read_text("utf-8"))


if __name__ == "__main__":
    main()
