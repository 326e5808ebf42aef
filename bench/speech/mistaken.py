"""Wrong readings accepted, by simulation: what the recogniser confuses, and what the conversation does about it.

Rules
1. Confusions are measured ones (`Channel`): of each digit that was said, how often another was understood in its
   place, none, or one more behind it.  Digits are confused independently of each other.
2. Who says what, and how plausible a wrong value is, are those of `bench.callers`; the conversation is the product's:
   `domain.doubt` judges the value, the caller says the last digits again, hears the value and answers yes or no.
3. Nobody is diced for who misses an error: the probability that the wrong value is accepted is worked out along the
   way (as in `bench.keying`), so that one in a million needs no million calls.

Theory: a wrong value is accepted when it is plausible, and the last digits, said again, are understood as wrongly,
and it isn't noticed when it is said back; or is, and the caller's "no" is taken for a "yes".  A right value becomes a
wrong one when its last digits are misheard in one place, and the digit that is then asked for is, too.  The second
mishearing is no accident of its own: it is the same voice, line and word.  How often it is the same, is `repeat`.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from bench.callers import TODAY, Reading, before, reading
from bench.keying import CHOSEN, Fate, Habits, fate
from bench.speech.figures import Share, Take
from domain.doubt import Plausible, diagnose
from domain.slips import Hypothesis
from flows.doubt import AT_THE_METER
from flows.repair import differing

VALUES: Final = ("digits", "numbers", "pairs")
REPEATS: Final = (0.0, 0.1, 0.5)
"""How often a mishearing repeats itself; never, where the last digits are keyed instead of said."""
MISSES: Final = (0.003, 0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Channel:
    """What becomes of a digit.  said: how often each was said; became: (said, understood) -> how often, "" for
    nothing; behind: digits that were added behind one."""

    said: Counter[str]
    became: Counter[tuple[str, str]]
    behind: Counter[str]

    @classmethod
    def of(cls, takes: Iterable[Take], level: float = AT_THE_METER.confidencelevel) -> "Channel":
        """Of values that were understood as values with this confidence."""
        said, became, behind = Counter[str](), Counter[tuple[str, str]](), Counter[str]()
        for take in takes:
            if take.question not in VALUES or take.keys is None or take.confidence < level:
                continue
            if (heard := take.understood) is not None:
                for digit, other in aligned(take.keys, heard):
                    if digit:
                        said[digit] += 1
                        became[digit, other] += 1
                    else:
                        behind[other] += 1
        return cls(said, became, behind)

    @property
    def errors(self) -> Share:
        """Digits that did not become themselves."""
        wrong = sum(n for (digit, other), n in self.became.items() if digit != other) + self.behind.total()
        return Share(wrong, self.said.total())

    def hear(self, digits: str, chance: random.Random) -> str:
        """What may be understood of these digits."""
        heard, more = list[str](), self.behind.total() / max(1, self.said.total())
        for digit in digits:
            of = [(other, n) for (said, other), n in self.became.items() if said == digit]
            heard += chance.choices([o for o, _ in of], [n for _, n in of]) if of else [digit]
            if chance.random() < more:
                heard += chance.choices(list(self.behind), list(self.behind.values()))
        return "".join(heard)


def aligned(said: str, heard: str) -> list[tuple[str, str]]:
    """Digit by digit, with the fewest errors: (said, understood); "" where there is none."""
    width = len(heard) + 1
    cost = [[i + j if not i * j else 0 for j in range(width)] for i in range(len(said) + 1)]
    for i in range(1, len(said) + 1):
        for j in range(1, width):
            same = said[i - 1] != heard[j - 1]
            cost[i][j] = min(cost[i - 1][j - 1] + same, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    i, j, pairs = len(said), len(heard), list[tuple[str, str]]()
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((said[i], heard[j]))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            pairs.append((said[i], ""))
        else:
            j -= 1
            pairs.append(("", heard[j]))
    return pairs[::-1]


def no_for_yes(takes: Sequence[Take]) -> Share:
    """How often a "no" was taken for a "yes"."""
    denied = [t for t in takes if t.question == "yes or no" and t.keys == "2"]
    return Share(sum(t.understood == "1" for t in denied), len(denied))


def repeated(takes: Iterable[Take], first: str = "clean", second: str = "white noise, 20 dB") -> Share:
    """Of numbers that were misheard as others on one line, those that were misheard as the same on another."""
    heard = {
        (take.line, take.language, take.question, take.voice, take.words): take
        for take in takes
        if take.question in (*VALUES, "account") and take.keys is not None
    }
    wrong = [(take, heard.get((second, *key))) for (line, *key), take in heard.items() if line == first]
    pairs = [(one, two) for one, two in wrong if two and one.understood not in (None, one.keys)]
    return Share(sum(one.understood == two.understood for one, two in pairs), len(pairs))


class Mistaken(BaseModel):
    """readings: simulated.  misheard: share of them.  plausible: of the misheard.  spoilt: share of which the last
    digits were misheard in one place, after the value was not.  digits: errors of the channel.
    taken: "no" for "yes", as it is reckoned with.  accepted: repeat -> of 10,000 readings, by `MISSES`."""

    readings: int
    misheard: float
    plausible: float
    spoilt: float
    digits: float
    taken: float
    accepted: dict[str, list[float]]


def simulate(
    takes: Sequence[Take], count: int, level: float = AT_THE_METER.confidencelevel, seed: int = 102
) -> Mistaken:
    """Readings that are spoken, by the confusions of these takes.  level: confidencelevel of a value."""
    channel, chance = Channel.of(takes, level), random.Random(seed)
    fates = list[Fate]()
    misheard = spoilt = 0
    for _ in range(count):
        at = reading(chance)
        heard = channel.hear(at.digits, chance)
        if (wrong := _wrong(at, heard)) is not None:
            misheard += 1
            fates += wrong
        else:
            spoilt += _spoils(at, channel, chance)
    taken = no_for_yes(takes).value

    def accepted(miss: float, repeat: float) -> float:
        habits = Habits(miss + (1 - miss) * taken, repeat)
        wrong = sum(one.accepted(CHOSEN, habits) for one in fates) + spoilt * repeat * habits.miss
        return 1e4 * wrong / count

    return Mistaken(
        readings=count,
        misheard=misheard / count,
        plausible=sum(one.risk is not None for one in fates) / max(1, misheard),
        spoilt=spoilt / count,
        digits=channel.errors.value,
        taken=taken,
        accepted={f"{repeat:.0%}": [accepted(miss, repeat) for miss in MISSES] for repeat in REPEATS},
    )


def _spoils(at: Reading, channel: Channel, chance: random.Random) -> bool:
    """Whether the last digits of a right value are understood otherwise, in one place."""
    verdict = diagnose(at.meter, at.register, at.shown, TODAY, neighbours=at.neighbours, given=before(at))
    if not isinstance(verdict, Plausible) or not verdict.again:
        return False
    last = at.digits.zfill(at.register.width)[-verdict.again :]
    return differing(last, channel.hear(last, chance)) is not None


def _wrong(at: Reading, heard: str) -> list[Fate] | None:
    """Where this leads; None when it is the right value, nothing follows when it is no number."""
    if heard and int(heard) == at.shown:
        return None
    if not heard or heard == "0":
        return []
    return [fate(Hypothesis.WRONG_DIGIT, 1.0, at, heard)]
