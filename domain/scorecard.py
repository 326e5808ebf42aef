"""The form by which a call is scored.

Rules
1. A form has versions and a version never changes: a score says by which it was given, and means what it meant.
2. Each question that applies counts by its weight; the total is what was reached of what could be, of 100.
3. A question keeps its name (`key`) from version to version, so that what is scored of it can be followed; whoever
   means something else asks a new one.
4. A critical question that is answered "no" makes the total 0, whatever else was well done: a call without the notice
   must not be kept, and a wrong outcome is a wrong outcome.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.model import Language

HEAVIEST: Final = 100
LONGEST_KEY: Final = 40
LONGEST_QUESTION: Final = 200
MOST_QUESTIONS: Final = 30


class Malformed(ValueError):
    """The form, or a score by it, is not one.  `why` is a word for the reason, `of` the question that it is about,
    `field` what of it: "weight", or the language of a text."""

    def __init__(self, why: str, of: str | None = None, field: str | None = None) -> None:
        super().__init__(f"{why}: {of}" if of else why)
        self.why = why
        self.of = of
        self.field = field


class Mark(StrEnum):
    """How a question is answered."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


WORTH: Final[Mapping[Mark, float]] = {Mark.YES: 1.0, Mark.PARTLY: 0.5, Mark.NO: 0.0}
"""Share of its weight that a question earns; one that doesn't apply is left out."""


@dataclass(frozen=True, slots=True)
class Question:
    """key: its name in every version.  text: by language, Ukrainian at least.  weight: 1 to `HEAVIEST`."""

    key: str
    text: Mapping[Language, str]
    weight: int
    critical: bool = False

    def said(self, language: Language) -> str:
        """Its text in this language, or in Ukrainian where nobody has translated it."""
        return self.text.get(language) or self.text[Language.UK]


@dataclass(frozen=True, slots=True)
class Answer:
    """second: of the recording, where one hears why; None: the call as a whole."""

    mark: Mark
    second: float | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """One version of it."""

    version: int
    questions: Sequence[Question]

    def total(self, answers: Mapping[str, Answer]) -> float | None:
        """0 to 100, to one place; None when no question applies.  Raises Malformed: not every question is answered,
        or what is answered isn't asked."""
        asked = {question.key for question in self.questions}
        for key in answers.keys() - asked:
            raise Malformed("not_asked", key)
        for question in self.questions:
            if question.key not in answers:
                raise Malformed("unanswered", question.key)
        counted = [(one, answers[one.key].mark) for one in self.questions]
        counted = [(one, mark) for one, mark in counted if mark is not Mark.NOT_APPLICABLE]
        if not counted:
            return None
        if any(one.critical and mark is Mark.NO for one, mark in counted):
            return 0.0
        reached = sum(one.weight * WORTH[mark] for one, mark in counted)
        return round(100 * reached / sum(one.weight for one, _ in counted), 1)


def checked(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The same questions, if they make a form.  Raises Malformed: the first of its `faults`."""
    for fault in faults(questions):
        raise fault
    return tuple(questions)


def faults(questions: Sequence[Question]) -> list[Malformed]:
    """Everything that keeps these from being a form: who fills in many fields is told of all of them at once."""
    found = [] if 1 <= len(questions) <= MOST_QUESTIONS else [Malformed("how_many")]
    keys: set[str] = set()
    said: set[str] = set()
    for one in questions:
        if not (one.key.isidentifier() and one.key.isascii() and len(one.key) <= LONGEST_KEY):
            found.append(Malformed("key", one.key))
        if one.key in keys:
            found.append(Malformed("twice", one.key))
        keys.add(one.key)
        if not (text := one.text.get(Language.UK, "").strip()):
            found.append(Malformed("no_text", one.key, Language.UK))
        elif text.casefold() in said:
            found.append(Malformed("same_text", one.key, Language.UK))
        said.add(text.casefold())
        found += [
            Malformed("too_long", one.key, lang) for lang, text in one.text.items() if len(text) > LONGEST_QUESTION
        ]
        if not 1 <= one.weight <= HEAVIEST:
            found.append(Malformed("weight", one.key, "weight"))
    return found


def fresh_key(used: Collection[str]) -> str:
    """A name for a new question that no version ever had: else its marks would be taken for another's."""
    numbers = [int(key[1:]) for key in used if key[:1] == "q" and key[1:].isdecimal() and key.isascii()]
    return f"q{max(numbers, default=0) + 1}"


def _question(key: str, weight: int, uk: str, ru: str, en: str, *, critical: bool = False) -> Question:
    return Question(key, {Language.UK: uk, Language.RU: ru, Language.EN: en}, weight, critical)


FIRST: Final = Form(
    1,
    (
        _question(
            "notice", 15,
            "Абонент почув повідомлення про запис до кінця",
            "Абонент услышал сообщение о записи до конца",
            "The caller heard the notice of recording to its end",
            critical=True,
        ),
        _question(
            "understood", 25,
            "Відповіді абонента зрозуміли з першого разу",
            "Ответы абонента поняли с первого раза",
            "The caller's answers were understood at the first try",
        ),
        _question(
            "outcome", 30,
            "Розмова завершилася тим, чого абонент хотів, і записано правильно",
            "Разговор закончился тем, чего абонент хотел, и записано правильно",
            "The call ended with what the caller wanted, and it was written down correctly",
            critical=True,
        ),
        _question(
            "tone", 10,
            "Підказки звучали зрозуміло, ввічливо й доречно",
            "Подсказки звучали понятно, вежливо и уместно",
            "The prompts were clear, polite and to the point",
        ),
        _question(
            "wait", 10,
            "Абонент не чекав у тиші й не слухав зайвого",
            "Абонент не ждал в тишине и не слушал лишнего",
            "The caller neither waited in silence nor had to hear what was not needed",
        ),
        _question(
            "way_out", 10,
            "Коли машина не допомогла, абонент легко дістався до людини",
            "Когда машина не помогла, абонент легко дозвонился до человека",
            "Where the machine did not help, the caller easily got to a person",
        ),
    ),
)  # fmt: skip
"""The form until somebody writes another one."""
