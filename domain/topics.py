"""What a complaint may be about, and how urgent it is, suggested from its words; abuse is flagged.

Rules: only a suggestion: a person decides.  What led to it is told with it, word by word; what can't be said with
some certainty is not suggested at all.  The table is `topics.yaml`, for people to read and to correct.  Urgency errs
on the side of alarm, a topic on the side of silence.

Theory: a word is heard in one of its forms, in Ukrainian, Russian or a mixture in one sentence.  So each word becomes
the set of its dictionary forms in both languages (pymorphy3; where one dictionary alone has the word, those of that
one), and a pattern matches sets that stand close together.  Abuse is matched by roots and by persons of verbs
instead: it isn't in dictionaries, and "I'll kill" is a threat where "it kills" is a danger.

Loading the dictionaries takes 0.2 s and 40 MB: only whoever calls `suggest` pays for that.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from domain.desk import RefusalGround
from domain.model import Topic

WINDOW: Final = 6
"""Words within which those of a pattern must stand."""

NEAR: Final = 3
"""Words to either side in which a voiding word counts."""

ENOUGH: Final = 2
"""Weight below which no topic is suggested."""

_NOT: Final = frozenset({"не", "ні", "ни"})
_TABLE: Final = Path(__file__).with_name("topics.yaml")
_APOSTROPHES: Final = str.maketrans("’ʼ`´", "''''")
_LETTERS: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")


class Urgency(StrEnum):
    """How soon a person should look at it."""

    DANGER = "danger"  # somebody may be hurt, or a house may burn
    URGENT = "urgent"  # for this person every hour counts
    ROUTINE = "routine"


class Flag(StrEnum):
    """Words that may be a ground for refusing the request, if a person finds so."""

    PROFANITY = "profanity"
    THREAT = "threat"

    @property
    def ground(self) -> RefusalGround:
        """The ground that it may be."""
        return RefusalGround.THREATS if self is Flag.THREAT else RefusalGround.INSULTING


Meaning: TypeAlias = Topic | Urgency | Flag


@dataclass(frozen=True, slots=True)
class Reason:
    """These words (by their place, from 0) point to this.  weight: of a topic; 0: urgencies and flags have none."""

    of: Meaning
    words: tuple[int, ...]
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the words suggest.  topic: None when nothing stands out.  reasons: everything that was found, the
    weightier topics first, those that did not win too."""

    topic: Topic | None
    urgency: Urgency
    flags: frozenset[Flag]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line of the table.  parts: of each one dictionary form must be near; voids: none of these may be."""

    parts: tuple[frozenset[str], ...]
    voids: frozenset[str]

    @classmethod
    def parse(cls, line: str) -> "Pattern":
        """From a line of the table."""
        words = line.split()
        wanted = [frozenset(word.split("|")) for word in words if not word.startswith("-")]
        voids = frozenset(form for word in words if word.startswith("-") for form in word[1:].split("|"))
        if not wanted or any("" in part for part in wanted):
            raise ValueError(f"{line!r} is no pattern of words")
        return cls(tuple(wanted), voids)

    def find(self, heard: Sequence[frozenset[str]]) -> tuple[int, ...] | None:
        """The places of its words, the closest together; None when it is not there."""
        places = [list(self._places(part, heard)) for part in self.parts]
        best: tuple[int, ...] | None = None
        for first in places[0]:
            chosen = [first]
            for others in places[1:]:
                free = [k for k in others if abs(k - first) < WINDOW and k not in chosen]
                if not free:
                    break
                chosen.append(min(free, key=lambda k: abs(k - first)))
            else:
                found = tuple(sorted(chosen))
                if not self._void(found, heard) and (best is None or found[-1] - found[0] < best[-1] - best[0]):
                    best = found
        return best

    def _places(self, part: frozenset[str], heard: Sequence[frozenset[str]]) -> Iterator[int]:
        denied = any(part_ & _NOT for part_ in self.parts)
        for k, forms in enumerate(heard):
            if forms & part and (denied or k == 0 or not heard[k - 1] & _NOT):
                yield k

    def _void(self, found: tuple[int, ...], heard: Sequence[frozenset[str]]) -> bool:
        near = heard[max(0, found[0] - NEAR) : found[-1] + NEAR + 1]
        return any(forms & self.voids for forms in near)


@dataclass(frozen=True, slots=True)
class Table:
    """The patterns.  topics: with their weights."""

    topics: Mapping[Topic, tuple[tuple[int, Pattern], ...]]
    urgencies: Mapping[Urgency, tuple[Pattern, ...]]


def suggest(words: Sequence[str]) -> Suggestion:
    """What these words, in the order in which they were said, suggest.  Punctuation and capitals don't matter."""
    heard = [lemmas(plain(word)) for word in words]
    reasons: list[Reason] = []
    for topic, patterns in table().topics.items():
        found = [(weight, places) for weight, pattern in patterns if (places := pattern.find(heard))]
        reasons += [Reason(topic, places, weight) for weight, places in found]
    topic = _heaviest(reasons)
    for urgency, alarms in table().urgencies.items():
        reasons += [Reason(urgency, places) for pattern in alarms if (places := pattern.find(heard))]
    reasons += _abuse([plain(word) for word in words])
    meant = {reason.of for reason in reasons}
    urgency = next((each for each in (Urgency.DANGER, Urgency.URGENT) if each in meant), Urgency.ROUTINE)
    reasons.sort(key=lambda reason: -reason.weight)
    return Suggestion(topic, urgency, frozenset(each for each in Flag if each in meant), tuple(reasons))


def plain(word: str) -> str:
    """The word alone: small letters, one kind of apostrophe, no punctuation around it."""
    found = _LETTERS.search(word.casefold().translate(_APOSTROPHES))
    return found.group() if found else ""


@lru_cache(maxsize=20_000)
def lemmas(word: str) -> frozenset[str]:
    """The dictionary forms that `word` (as `plain` gives it) may be a form of, in Ukrainian and Russian; itself, too.

    A word that only one of the dictionaries has is read by that one; one that neither has, by both, which guess.
    """
    if not word:
        return frozenset()
    readers = [each for each in _analysers() if each.word_is_known(word)] or _analysers()
    try:
        return frozenset({word, *(parse.normal_form for each in readers for parse in each.parse(word))})
    except ValueError:  # pymorphy3 looks up the names of letters, and some scripts have none
        return frozenset({word})


@cache
def table() -> Table:
    """The table, read once.  Raises ValueError when it is not well-formed."""
    import yaml  # here: controllers have no use for it

    raw: dict[str, Any] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    topics = {
        Topic(name): tuple((int(weight), Pattern.parse(line)) for weight, lines in weights.items() for line in lines)
        for name, weights in raw.pop("topics").items()
    }
    urgencies = {Urgency(name): tuple(Pattern.parse(line) for line in lines) for name, lines in raw.items()}
    return Table(topics, urgencies)


def _heaviest(reasons: Sequence[Reason]) -> Topic | None:
    weights: dict[Topic, int] = {}
    for reason in reasons:
        if isinstance(reason.of, Topic):
            weights[reason.of] = weights.get(reason.of, 0) + reason.weight
    ranked = sorted(weights.items(), key=lambda each: -each[1])
    if not ranked or ranked[0][1] < ENOUGH or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
        return None
    return ranked[0][0]


@cache
def _analysers() -> tuple[Any, ...]:
    import pymorphy3  # pyright: ignore[reportMissingTypeStubs]  # here: a controller has no use for it

    return tuple(pymorphy3.MorphAnalyzer(lang=language) for language in ("uk", "ru"))


# Abuse

_PREFIX: Final = r"(?:за|вы|ви|по|на|от|від|у|до|при|про|раз|роз|рас|об|о|под|під|съ|с'|з'|недо|пере)?ъ?'?"
_OBSCENE: Final = re.compile(
    rf"{_PREFIX}(?:їб|йоб|еб|ёб|єб)(?:а|у|л|н|т|е|и|ы|ё|є|о[^н])\w*"
    r"|(?:на|по|о|а|ни|ні|до|от|за|не)?ху(?:й|є|я|ю|ё|е|ї|и|ев|єв|йн)\w*"
    r"|\w{0,5}п[иі]зд\w*|бля(?:д\w*|ть|ха-муха)?|су(?:ка|ки|ку|кою|чий|чі|чьи|чка|чара|ченя)|мудак\w*|мудил\w*"
    r"|г[оа]ндон\w*|п[иі]д[оа]р(?:и|ас\w*|ок|ки|ам|ами|ів|ов|ы|у|ом|юга)?|г[оіа]вн[оаеую]\w*|лайн[оа]\w*|дерьм\w*|жоп[аеуыі]\w*"
    r"|срак\w*|засран\w*|обосра\w*|насрать|нас[е]рти|курв\w*|шлюх\w*|шльондр\w*|дебіл\w*|дебил\w*|ідіот\w*|идиот\w*"
    r"|кретин\w*|придур\w*|козл(?:и|ы|ина|ами|ів|ов)|тварюк\w*|скотин\w*|сволоч\w*|мраз(?:ь|і|и|ота)|виродк\w*|виродок"
    r"|ублюд\w*|урод(?:ы|и|ов)?|падл[аоюиы]\w*|паскуд\w*|негідник\w*|негодя[йеи]\w*|покидьк\w*|бидло|быдло|довбо\w*|долбо\w*"
)
_THREAT: Final = re.compile(
    r"(?:в|у|за|при|до|пере|повби|поуби|пов|поу)?б['ь]?(?:ю|ємо|ем|ём)"
    r"|(?:по)?(?:вби|уби)ваю|повбиваємо|поубиваем|поріжу|порежу|заріжу|зарежу|за(?:стрелю|стрілю)|пристрелю|пристрілю|постріляю"
    r"|постреляю|перестріляю|перестреляю|розстріляю|расстреляю|підпалю|спалю|подожгу|сожгу|спалимо|сожж[её]м|підпалимо|подожж[её]м"
    r"|підірву|підірвемо|взорву|взорв[её]м|висаджу|придушу|задушу|закопаю|закопаємо|закопаем|покалічу|покалечу|скалічу|искалечу"
    r"|розтрощу|порішу|порешу|грохну|завалю|прикончу|знищу|уничтожу"
)
_HURT: Final = re.compile(
    r"(?:по|пере|об|від|от|ви|вы)?лама(?:ю|ємо|ем)|поб'ю|изобью|поб[ьи]ю|в[иы]рву|в[иы]б['ь]?ю|набью|наб'ю|відірву|оторву"
)
_LIMBS: Final = frozenset(
    (
        "рука",
        "нога",
        "голова",
        "морда",
        "зуб",
        "ребро",
        "шия",
        "шея",
        "кістка",
        "кость",
        "око",
        "глаз",
        "пика",
        "лицо",
    )
)
_BEAT: Final = frozenset({"б'ю", "бью", "бьем", "бьём", "б'ємо"})


def _abuse(words: Sequence[str]) -> Iterator[Reason]:
    """Profanity and threats.  Only what speakers say that they themselves will do is a threat, and "не" before it
    takes it back."""
    for k, word in enumerate(words):
        if _OBSCENE.fullmatch(word):
            yield Reason(Flag.PROFANITY, (k,))
        if k and words[k - 1] in _NOT:
            continue
        if _THREAT.fullmatch(word) and word not in _BEAT:
            yield Reason(Flag.THREAT, (k,))
        elif _HURT.fullmatch(word):
            near = [j for j in range(max(0, k - NEAR), min(len(words), k + NEAR + 1)) if lemmas(words[j]) & _LIMBS]
            if near:
                yield Reason(Flag.THREAT, tuple(sorted((k, near[0]))))
