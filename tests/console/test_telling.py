"""What the store was given and answered, said in words: every value that the domain knows has some."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from datetime import date
from enum import Enum
from typing import Any

import pytest

from domain import commands
from domain.masking import HIDDEN
from domain.model import Language
from ivr.console.web.masked import hidden
from ivr.console.web.telling import UNTOLD, rows, valued
from ivr.console.web.words import LANGUAGES, Tongue
from ivr.story import Event

UK = Tongue("uk")


def parts(kind: Any) -> Iterator[Any]:
    """The plain types that a field may have; what is made of several is not told by itself."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        for one in typing.get_args(kind):
            yield from parts(one)
    elif isinstance(kind, type):
        yield kind


def facts() -> Iterator[tuple[str, Any]]:
    """Every field of a command of conversations, and of what answers it, that stands in a story."""
    for command in commands.Command.__subclasses__():
        if command.__module__ != commands.__name__:
            continue  # of the staff's desk: no call has it
        answer = typing.get_args(command.__orig_bases__[0])[0]  # type: ignore[attr-defined]
        for of in (command, *(one for one in parts(answer) if dataclasses.is_dataclass(one))):
            hints = typing.get_type_hints(of)
            for field in dataclasses.fields(of):
                for kind in parts(hints[field.name]):
                    if issubclass(kind, str | int | date):
                        yield field.name, kind


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_and_every_value_of_the_domain_has_words(language):
    t = Tongue(language)
    told = {(name, kind) for name, kind in facts() if name not in UNTOLD}
    assert len(told) > 25
    for name, kind in told:
        assert t.knows(f"story.fact_{name}"), name
        if issubclass(kind, Enum):
            for value in kind:
                assert t.knows(f"story.value_{name}_{value.value}"), (name, value)


def deed(**words: Any) -> Event:
    return Event(1.0, 1.1, "deed", "RegisterRequest", "", {"words": words})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"kind": "complaint"}, "Вид: скарга"),
        ({"topic": "billing"}, "Тема: нарахування"),
        ({"submitted": False}, "Уже передано: ні"),
        ({"counts": "control"}, "Зараховано як: контрольне"),
        ({"said": "insist: as keyed"}, "Сказано: наполягає, що так і показує"),
        ({"said": "corrected to 10470"}, "Сказано: виправлено на 10470"),
        ({"said": "it is night"}, "Сказано: Зона: ніч"),
        ({"due": "2026-11-27"}, "Строк: 27\xa0лис\xa02026"),
        ({"expected": "2026-11-27T10:30:00+00:00"}, "Очікується: 27\xa0лис\xa02026 12:30"),
        ({"period": "2026-11-01"}, "Місяць: 11.2026"),
        ({"number": "+380440000001"}, "Номер: +380\xa044\xa0000\xa000\xa001"),
        ({"due": "2026-99-99"}, "Строк: 2026-99-99"),
    ],
)
def test_a_fact_is_said_in_words(words, said):
    [row] = rows([deed(**words)], UK)
    assert row.also == [said]


def test_what_is_technical_is_not_told():
    [row] = rows([deed(zones_left=0, energy="active", silent=234)], UK)
    assert row.also == []


def test_what_was_hidden_stays_hidden_when_it_is_said():
    [row] = rows(hidden([deed(number="+380440000001", account="1000000018", due="2026-11-27")]), UK)
    assert row.also == [f"Номер: {HIDDEN}", f"Рахунок: {HIDDEN}", "Строк: 27\xa0лис\xa02026"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_way_in_which_somebody_stood_by_a_value_has_words(language):
    t = Tongue(language)
    for said in ("insist: as keyed", "keyed again", "hung up", "wants agent", "gave up", "back", "trouble"):
        assert valued("said", said, t) not in (said, said.replace(":", "")) or language == "en"
        assert t.knows(f"story.value_said_{said.split(': ')[-1].replace(' ', '_')}"), said


def test_a_sound_without_words_is_called_what_it_is():
    [row] = rows([Event(1.0, 1.4, "prompt", "tone", "", {})], UK)
    assert (row.text, row.short) == ("Звуковий сигнал", "Звуковий сигнал")


def test_what_is_played_back_and_why_a_prompt_came_are_told_in_the_readers_language():
    [row] = rows([Event(1.0, 7.0, "prompt", "played_back", "Ви сказали: ... (6 s)", {"after": "too_short"})], UK)
    assert row.text == "Ви сказали: розповідь абонента, 6 с"
    assert row.also == ["замало почуто"]


def test_a_telling_is_a_step_of_the_conversation_and_its_words_stand_once():
    told = Event(
        2.0, 9.0, "told", "tell", "дуже темно", {"each": [["дуже", 2.0, 3.0, 0.9], ["темно", 3.0, 4.0, 0.9]]}
    )
    step, row = rows([told], UK)
    assert (step.lane, step.text) == ("step", "Розповідь своїми словами")
    assert [word.text for word in row.words] == ["дуже", "темно"]
    assert row.also == []


def test_who_barges_in_is_told_once():
    prompt = Event(1.0, 2.0, "prompt", "menu", "Головне меню.", {"by": "voice"})
    said, barged = rows([prompt, Event(2.0, None, "barge_in", "voice", "", {"prompt": "menu"})], UK)
    assert said.also == [] and barged.text == "Голосом"


def test_every_language_of_a_call_has_a_name():
    for language in Language:
        assert UK.knows(f"story.way_{language}")
