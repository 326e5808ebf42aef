"""Spoken numbers: the digits that words stand for, in Ukrainian, Russian, English and all of them mixed.

Rules
1. A number is said in *groups*, each a cardinal ("двадцять п'ять сорок шість" is 25 46), a digit said several times
   ("три нулі", "double seven") or a zero.  Its digits are those of the groups in a row; so leading zeros stay.
2. Of several ways to group the words the one with the fewest groups is the most plausible: "двадцять п'ять" is 25,
   then 20 5.  All are given (`readings`), so that a question that knows how long its answer is can choose.  A number
   is never torn from its thousands.
3. Never a guess.  A word that we don't know, `[unk]` among them, makes all of it no number, wherever it stands: it
   may have been a digit.  Skipped are only the few words of `numerals`: hesitations anywhere, what names the number
   before it, what it counts after it.
4. A correction ("ні", "вернее", "sorry") takes back as many digits as follow it: whole groups, or the end of the
   last one.  "Сорок п'ять, ні, сорок сім" is 47; "двадцять п'ять, ні, сім" is 27; "сто двадцять три, ні, двадцять
   чотири" is 124.  What was said before with fewer digits than follow was a false start: all of it is taken back.
   When several groups follow, the first may replace its like alone and the others go on: "один два, ні, три чотири"
   is 34, or else 134.  A correction that fits nothing, or is rounder than what it replaces ("двадцять п'ять, ні,
   тридцять": 30 or 35?), makes no number; so does one at the end.  At the beginning it says nothing, but "не" denies.
5. Decimals make no number, unless they are to be dropped (`fraction`).

Theory: the words become atoms; a table over places and lengths keeps the few best ways to read them up to each place.
0.05 to 0.5 ms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from ivr.dialog.numerals import (
    CARDINALS,
    CORRECTIONS,
    COUNTED,
    DENIALS,
    HESITATIONS,
    LABELS,
    NOUNS,
    PARTS,
    POINTS,
    SCALES,
    TIMES,
    VARIANTS,
    fold,
)

MOST_DIGITS: Final = 20
MOST_WORDS: Final = 40
"""Nobody says more for one number; a longer utterance is something else."""
WAYS: Final = 8
"""Ways to read the same words as the same count of digits that are kept."""


class NotANumber(ValueError):
    """These words are no number, or can't be told which."""


def spoken_digits(words: str, *, fraction: bool = False) -> str:
    """The digits that these words most plausibly stand for, leading zeros kept.  Raises `NotANumber`."""
    return readings(words, fraction=fraction)[0]


def readings(words: str, *, fraction: bool = False) -> tuple[str, ...]:
    """All digits that these words may plausibly stand for, most plausible first; at least one.

    words: as a recogniser writes them.  fraction: decimals may be said, and are dropped.  Raises `NotANumber`.
    """
    atoms = _atoms(_number(fold(words), fraction))
    found: dict[str, tuple[int, int]] = {}
    for rank, corrected in enumerate(_corrected(atoms)):
        for way in _ways(corrected):
            worth = (rank + way.groups, way.uneven)
            found[way.digits] = min(found.get(way.digits, worth), worth)
    if not found:
        raise NotANumber(words)
    return tuple(sorted(found, key=lambda digits: (found[digits], len(digits), digits)))


def number_words(language: str, *, fraction: bool = False) -> tuple[str, ...]:
    """Single words that suffice to say and to correct any number below 10^9, for a recogniser; without spellings that
    only people use.  language: ISO 639-1; empty for one that we can't read.  fraction: decimals too."""
    nouns = (noun for forms in NOUNS.get(language, {}).values() for form in forms for noun in form.split())
    scales = (word for forms in SCALES.get(language, {}).values() for form in forms for word in form.split())
    plain = (
        word for table in (CARDINALS, TIMES) for words in table.get(language, {}).values() for word in words.split()
    )
    said = [*plain, *scales, *nouns, *CORRECTIONS.get(language, "").split()]
    if fraction:
        said += [*POINTS[language].split(), *PARTS[language].split()]
    return tuple(dict.fromkeys(word for word in said if word not in DENIALS))


def digit_words(language: str) -> tuple[str, ...]:
    """What one digit alone may be called, for a recogniser."""
    digits = (CARDINALS.get(language, {}).get(digit, "") for digit in range(10))
    nouns = (one for one, _ in NOUNS.get(language, {}).values())
    return tuple(dict.fromkeys(word for words in (*digits, *nouns) for word in words.split()))


def side_words(language: str) -> tuple[str, ...]:
    """What people say around a number and we skip; short words among them steal digits from a recogniser."""
    tables = (HESITATIONS, LABELS, COUNTED)
    return tuple(dict.fromkeys(word for table in tables for word in table.get(language, "").split()))


# From words to atoms


@dataclass(frozen=True, slots=True)
class Cardinal:
    """0 < value < 1000, of one word."""

    value: int

    @property
    def level(self) -> int:
        """The power of ten that it counts."""
        return 0 if self.value < 20 else 1 if self.value < 100 else 2


@dataclass(frozen=True, slots=True)
class Scale:
    """A hundred (English), a thousand, a million.  alone: in a form that needs no number before it."""

    value: int
    alone: bool

    @property
    def level(self) -> int:
        return len(str(self.value)) - 1


@dataclass(frozen=True, slots=True)
class Run:
    """Digits that join no cardinal: a zero, "три нулі"."""

    digits: str
    level = 0


@dataclass(frozen=True, slots=True)
class Correction:
    """What stands before it is taken back."""

    denies: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """Nouns that need a number before them: "(дві) сімки"."""

    digit: str


@dataclass(frozen=True, slots=True)
class Times:
    """Words that multiply the digit behind them: "double"."""

    count: int


Atom: TypeAlias = Cardinal | Scale | Run
Word: TypeAlias = Atom | Correction | Counted | Times

ZERO: Final = Run("0")
LARGEST_SCALE: Final = 10**9


def _tables() -> Iterator[tuple[str, Word]]:
    """Each word of each language, as it stands in the tables."""
    for language in CARDINALS:
        for value, words in CARDINALS[language].items():
            yield from ((word, Cardinal(value) if value else ZERO) for word in words.split())
        for value, (alone, others) in SCALES[language].items():
            yield from ((word, Scale(value, True)) for word in alone.split())
            yield from ((word, Scale(value, False)) for word in others.split())
        for digit, (one, several) in NOUNS[language].items():
            yield from ((word, Run(str(digit))) for word in one.split())
            yield from ((word, Counted(str(digit))) for word in several.split())
        for count, words in TIMES[language].items():
            yield from ((word, Times(count)) for word in words.split())
        yield from ((word, Correction(word in DENIALS)) for word in CORRECTIONS[language].split())


def _known() -> Mapping[str, Word]:
    known = {"".join(fold(word)): atom for word, atom in _tables()}
    for word, spellings in VARIANTS.items():
        known |= {"".join(fold(spelling)): known["".join(fold(word))] for spelling in spellings.split()}
    return known


def _folded(table: Mapping[str, str]) -> frozenset[str]:
    return frozenset(word for words in table.values() for word in fold(words))


_WORDS: Final = _known()
_POINTS: Final = _folded(POINTS)
_PARTS: Final = _folded(PARTS)
_HESITATIONS: Final = _folded(HESITATIONS)
_BEFORE: Final = _folded(LABELS) | _HESITATIONS
_AFTER: Final = _folded(COUNTED) | _HESITATIONS


def _number(words: list[str], fraction: bool) -> list[str]:
    """The words that say the number, without what stands around it.  Raises `NotANumber`."""
    if len(words) > MOST_WORDS:
        raise NotANumber(f"{len(words)} words")
    first = next((i for i, word in enumerate(words) if word not in _BEFORE), len(words))
    last = next((i for i in range(len(words), first, -1) if words[i - 1] not in _AFTER), first)
    words = [word for word in words[first:last] if word not in _HESITATIONS]
    points = [i for i, word in enumerate(words) if word in _POINTS]
    if not points:
        return words
    whole, decimals = words[: points[0]], words[points[0] + 1 :]
    decimals = [word for word in decimals if word not in _AFTER]
    if decimals and decimals[-1] in _PARTS:
        decimals.pop()
    if not fraction or len(points) > 1 or not all(isinstance(_WORDS.get(word), Cardinal | Run) for word in decimals):
        raise NotANumber(f"decimals: {' '.join(words)}")
    return whole


def _atoms(words: list[str]) -> list[Atom | Correction]:
    """What the words stand for, with counted nouns and doubled digits worked out.  Raises `NotANumber`."""
    atoms: list[Atom | Correction] = []
    times = 1
    for i, word in enumerate(words):
        found = _WORDS.get(word)
        if found is None:
            raise NotANumber(f"{word} in: {' '.join(words)}")
        if times > 1:
            found, times = _multiplied(found, times), 1
        if isinstance(found, Times):
            times = found.count
        elif isinstance(found, Counted):
            atoms.append(_counted(atoms.pop() if atoms else None, found))
        elif isinstance(found, Run) and i and words[i - 1] == "одна" and atoms[-1] == Cardinal(1) and found != ZERO:
            atoms[-1] = found  # "одна сімка" is one seven
        else:
            atoms.append(found)
    if times > 1:
        raise NotANumber(f"nothing to repeat: {' '.join(words)}")
    return atoms


def _multiplied(what: Word, times: int) -> Run:
    """The digit, said so many times."""
    if isinstance(what, Run) and len(what.digits) == 1:
        return Run(what.digits * times)
    if isinstance(what, Cardinal) and what.value < 10:
        return Run(str(what.value) * times)
    raise NotANumber(f"{what} is no digit to be repeated")


def _counted(count: Atom | Correction | None, noun: Counted) -> Run:
    """So many of a digit."""
    if isinstance(count, Cardinal) and count.value < 10:
        return Run(noun.digit * count.value)
    raise NotANumber(f"how many times {noun.digit}?")


# Corrections


def _corrected(atoms: list[Atom | Correction]) -> list[list[Atom]]:
    """The ways to understand what the caller took back, likeliest first; none where it can't be understood."""
    pieces: list[list[Atom]] = [[]]
    for atom in atoms:
        if not isinstance(atom, Correction):
            pieces[-1].append(atom)
        elif pieces[-1]:
            pieces.append([])
        elif atom.denies and len(pieces) == 1:
            return []
    if not pieces[-1]:
        return []
    ways = [pieces[0]]
    for follows in pieces[1:]:
        ways = [new for said in ways for new in _replaced(said, follows)][:WAYS]
    return ways


def _replaced(said: list[Atom], follows: list[Atom]) -> list[list[Atom]]:
    """What is meant by `said`, a correction, and what follows it: rule 4 above."""
    before, after = _best(said), _best(follows)
    if before is None or after is None:
        return []
    meant: list[list[Atom]] = []
    at = 0 if len(before.digits) < len(after.digits) else _taken_back(said, before.starts, follows, len(after.digits))
    if at is not None:
        meant.append(said[:at] + follows)
    if len(after.starts) > 1:
        first = follows[: after.starts[1]]
        alone = _best(first)
        at = _taken_back(said, before.starts[-1:], first, len(alone.digits) if alone else 0)
        if at is not None and said[:at] + follows not in meant:
            meant.append(said[:at] + follows)
    return meant


def _taken_back(said: list[Atom], starts: tuple[int, ...], instead: list[Atom], length: int) -> int | None:
    """Where the shortest end of `said` begins that has so many digits: whole groups, or a tail of the last one."""
    for at in range(len(said) - 1, -1, -1):
        if at not in starts and (at < starts[-1] or isinstance(said[at], Scale)):
            continue
        tail = _best(said[at:])
        if tail is not None and len(tail.digits) == length:
            return at if len(said) - at <= len(instead) or said[-1].level >= instead[-1].level else None
    return None


# From atoms to digits


class Way(NamedTuple):
    """A way to read atoms: how many groups, how often their length changes, the digits, where the groups begin, and
    the length of the last one (0 after a run, which suits any neighbour).  The least is the most plausible."""

    groups: int = 0
    uneven: int = 0
    digits: str = ""
    starts: tuple[int, ...] = ()
    last: int = 0


def _best(atoms: list[Atom]) -> Way | None:
    return min(_ways(atoms), default=None)


def _ways(atoms: list[Atom]) -> list[Way]:
    """The ways to read all of the atoms, a few of each length."""
    table: list[dict[int, list[Way]]] = [{} for _ in range(len(atoms) + 1)]
    table[0][0] = [Way()]
    for at in range(len(atoms)):
        for end, digits, run in _groups(atoms, at):
            size = 0 if run else len(digits)
            for length, ways in table[at].items():
                if length + len(digits) > MOST_DIGITS:
                    continue
                there = table[end].setdefault(length + len(digits), [])
                for groups, uneven, before, starts, last in ways:
                    changes = last not in (0, size)
                    there.append(
                        Way(groups + 1, uneven + (changes and size > 0), before + digits, (*starts, at), size)
                    )
                if len(there) > WAYS:
                    there.sort()
                    del there[WAYS:]
    return [way for ways in table[-1].values() for way in ways if way.digits]


def _groups(atoms: list[Atom], at: int) -> Iterator[tuple[int, str, bool]]:
    """The groups that may begin here: where each ends, its digits, and whether it is a run."""
    first = atoms[at]
    if isinstance(first, Run):
        yield at + 1, first.digits, True
        return
    before = atoms[at - 1] if at else ZERO
    if isinstance(first, Scale) and (not first.alone or not (isinstance(before, Scale) or before == ZERO)):
        return  # it belongs to the number before it
    for end, value in _cardinals(atoms, at, LARGEST_SCALE):
        if end == len(atoms) or not isinstance(atoms[end], Scale) or isinstance(atoms[end - 1], Scale):
            yield end, str(value), False


def _cardinals(atoms: list[Atom], at: int, below: int) -> Iterator[tuple[int, int]]:
    """The cardinals that begin here and count in scales smaller than `below`: where they end, what they are."""
    for end, value in _hundreds(atoms, at) if at < len(atoms) else ():
        scale = atoms[end] if end < len(atoms) else None
        if value and end > at:
            yield end, value
        if isinstance(scale, Scale) and 100 < scale.value < below and value < 1000 and (value or scale.alone):
            total = (value or 1) * scale.value
            yield end + 1, total
            yield from ((further, total + rest) for further, rest in _cardinals(atoms, end + 1, scale.value))


def _hundreds(atoms: list[Atom], at: int) -> Iterator[tuple[int, int]]:
    """Numbers below 1000 that begin here, and English hundreds up to 9900; (at, 0): nothing before a scale."""
    first = atoms[at]
    if isinstance(first, Run):
        return
    if isinstance(first, Scale):
        if first.value == 100:
            yield from _after_hundreds(atoms, at + 1, 100)
        else:
            yield at, 0
        return
    if first.value >= 100:
        yield from _after_hundreds(atoms, at + 1, first.value)
        return
    for end, value in _tens(atoms, at):
        yield end, value
        scale = atoms[end] if end < len(atoms) else None
        if isinstance(scale, Scale) and scale.value == 100:
            yield from _after_hundreds(atoms, end + 1, value * 100)


def _after_hundreds(atoms: list[Atom], at: int, hundreds: int) -> Iterator[tuple[int, int]]:
    yield at, hundreds
    yield from ((end, hundreds + value) for end, value in _tens(atoms, at))


def _tens(atoms: list[Atom], at: int) -> Iterator[tuple[int, int]]:
    """Numbers below 100 that begin here: one word, or tens and a unit."""
    first = atoms[at] if at < len(atoms) else None
    if not isinstance(first, Cardinal) or first.value >= 100:
        return
    yield at + 1, first.value
    unit = atoms[at + 1] if at + 1 < len(atoms) else None
    if first.level == 1 and isinstance(unit, Cardinal) and unit.value < 10:
        yield at + 2, first.value + unit.value
