"""What callers hear: whole sentences from prompts and words, and what happens when something is missing."""

import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog import Phrase
from prompts import Catalogue, CatalogueError, Composition
from prompts.composer import TRIES, Piece, Place, cut
from prompts.spoken import KINDS, LANGUAGES, PAUSE

CATALOGUE = Catalogue.load()

MENU = (
    Phrase("meter_choice", (("ending", "4071"), ("key", 1))),
    Phrase("meter_choice", (("ending", "99"), ("key", 2))),
)


def kwh(value: int | str) -> Phrase:
    """A reading, as flows give it: with the unit that its register counts."""
    return Phrase("in_kwh", (("value", value),))


SENTENCES = [
    (
        "uk",
        "read_back",
        (("zone", Phrase("zone_day")), ("value", kwh(2345))),
        "Ваш денний показник: дві тисячі триста сорок п'ять кіловат-годин. "
        "Якщо все так, натисніть один. Щоб набрати ще раз, натисніть два.",
        "uk/read_back.1 uk/zone_day uk/n/t2 uk/n/h3 uk/n/45 uk/unit/kwh.many pause/200 uk/read_back.2",
    ),
    (
        "ru",
        "read_back",
        (("zone", Phrase("zone_night")), ("value", kwh(1))),
        "Ваше ночное показание: один киловатт-час. Если всё так, нажмите один. Чтобы набрать ещё раз, нажмите два.",
        "ru/read_back.1 ru/zone_night ru/n/1 ru/unit/kwh.one pause/200 ru/read_back.2",
    ),
    (
        "en",
        "read_back",
        (("zone", Phrase("zone_single")), ("value", kwh(101))),
        "Your reading: one hundred one kilowatt hours. If this is right, press one. To key it in again, press two.",
        "en/read_back.1 en/zone_single en/n/h1 en/n/1 en/unit/kwh.many pause/200 en/read_back.2",
    ),
    (
        "uk",
        "which_meter",
        (("choices", MENU),),
        "За цим рахунком є кілька лічильників. "
        "Якщо номер лічильника закінчується на чотири нуль, сім один, натисніть один. "
        "Якщо номер лічильника закінчується на дев'ять дев'ять, натисніть два.",
        "uk/which_meter.1 "
        "uk/meter_choice.1 uk/n/4.lead uk/n/0.lead pause/200 uk/n/7.lead uk/n/1.fall "
        "uk/meter_choice.2 uk/n/1.fall pause/200 "
        "uk/meter_choice.1 uk/n/9.lead uk/n/9.fall uk/meter_choice.2 uk/n/2.fall pause/200",
    ),
    (
        "uk",
        "receipt",
        (("counts", Phrase("counts_billing", (("period", "2026-09-01"),))), ("number", "40718")),
        "Дякуємо, показник прийнято. Його буде враховано за вересень. "
        "Номер підтвердження: чотири нуль сім, один вісім. Повторюю: чотири нуль сім, один вісім.",
        "uk/receipt.1 uk/counts_billing.1 uk/date/n9 pause/200 "
        "uk/receipt.2 uk/n/4.lead uk/n/0.lead uk/n/7.lead pause/200 uk/n/1.lead uk/n/8.fall pause/200 "
        "uk/receipt.3 uk/n/4.lead uk/n/0.lead uk/n/7.lead pause/200 uk/n/1.lead uk/n/8.fall pause/200",
    ),
    (
        "uk",
        "too_many_digits",
        (("width", 5),),
        "На цьому лічильнику до коми п'ять цифр. Цифри після коми набирати не треба.",
        "uk/too_many_digits.1 uk/n/5 uk/unit/figures.many pause/200 uk/too_many_digits.2",
    ),
    (
        "uk",
        "control_before",
        (("first", "2026-11-29"), ("last", "2026-12-03")),
        "Сьогодні запишемо показник як контрольний. "
        "Для рахунку передайте його з двадцять дев'ятого листопада до третього грудня.",
        "uk/control_before.1 uk/date/d29.of uk/date/m11 uk/control_before.2 uk/date/d3.of uk/date/m12 pause/200",
    ),
    (
        "uk",
        "languages",
        (("choices", tuple(Phrase("language", language=lang) for lang in LANGUAGES)),),
        "Для обслуговування українською натисніть один. "
        "Для обслуживания на русском языке нажмите два. For English, press three.",
        "uk/language ru/language en/language",
    ),
    ("ru", "goodbye", (), "Спасибо за звонок. Всего доброго!", "ru/goodbye"),
]


@pytest.mark.parametrize(("lang", "prompt", "words", "text", "clips"), SENTENCES)
def test_a_prompt_and_its_words_become_a_sentence_and_its_clips(
    lang: str, prompt: str, words: tuple[tuple[str, object], ...], text: str, clips: str
) -> None:
    composed = CATALOGUE.compose(lang, prompt, words)
    assert composed.text == text
    assert composed.clips == tuple(clips.split())
    assert composed.duration_s == pytest.approx(sum(CATALOGUE.seconds[clip] for clip in composed.clips))


def bare(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower())


SPECIMENS: dict[str | None, object] = {
    None: (Phrase("zone_peak"), kwh(21_345), *MENU),
    "number": 2,
    "digits": "4071829365",
    "money": 60_701,
    **dict.fromkeys(("date", "on_date", "long_date", "month"), "2026-11-29"),
    **dict.fromkeys(("time", "of_time"), "08:30"),
    **dict.fromkeys(("kwh", "kvarh"), 21_342),
    **dict.fromkeys(("figures", "days", "hours", "minutes", "neighbours"), 5),
}
"""What a place takes, by its kind; None: phrases."""


def specimens(lang: str, prompt: str) -> dict[str, object]:
    """A word for every place of `prompt` and of the prompts within it, which are given the same words."""
    found: dict[str, object] = {}
    for which in TRIES:
        for place in cut("", CATALOGUE.texts[lang][prompt].get(which, "")):
            if not isinstance(place, Place):
                continue
            within = place.kind is None and place.name in CATALOGUE.prompts
            words = specimens(lang, place.name) if within else {place.name: SPECIMENS[place.kind]}
            for name, word in words.items():
                assert found.setdefault(name, word) == word, f"no word suits every {{{name}}} of {prompt}"
    return found


def test_there_is_a_specimen_of_every_kind_of_place() -> None:
    assert SPECIMENS.keys() == {None, *KINDS}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("attempt", [1, 2, 3, 7])
def test_the_clips_of_every_prompt_say_exactly_its_text(lang: str, attempt: int) -> None:
    parts = {clip: part for each in LANGUAGES for clip, part in CATALOGUE.parts(each).items()}
    before = dict(CATALOGUE.missing)
    for prompt in CATALOGUE.prompts:
        composed = CATALOGUE.compose(lang, prompt, specimens(lang, prompt), attempt)
        heard = " ".join(parts[clip].text for clip in composed.clips if clip != PAUSE)
        assert bare(heard) == bare(composed.text), prompt
        assert composed.clips
        assert composed.duration_s > 0
    assert CATALOGUE.missing == before


def test_the_second_and_the_third_try_say_more_and_later_ones_as_much_as_the_third() -> None:
    heard = [CATALOGUE.compose("uk", "account", attempt=n).text for n in (1, 2, 3, 4)]
    assert len({*heard}) == 3
    assert heard[2] == heard[3]
    assert heard[0] in CATALOGUE.texts["uk"]["account"]["text"]
    assert all("Щоб поговорити з оператором, натисніть нуль." in text for text in heard[1:])


def test_a_prompt_without_tapered_texts_stays_the_same() -> None:
    assert CATALOGUE.compose("uk", "goodbye", attempt=3) == CATALOGUE.compose("uk", "goodbye")


def test_a_prefix_is_played_before_the_question() -> None:
    question = CATALOGUE.compose("uk", "account", attempt=2)
    both = CATALOGUE.compose("uk", "noinput") + question
    assert both.clips == ("uk/noinput", *question.clips)
    assert both.text == f"Не чую вас. {question.text}"
    assert sum((both, question), Composition()).duration_s == pytest.approx(both.duration_s + question.duration_s)


def test_places_name_the_words_that_a_flow_must_give() -> None:
    assert CATALOGUE.places("read_back") == {"zone", "value"}
    assert CATALOGUE.places("account") == frozenset()  # {hint_agent} is a prompt


@pytest.mark.parametrize("prompt", ["account", "value_day", "value_single", "hint_zones"])
@pytest.mark.parametrize(
    ("lang", "words"), [("uk", ("решітк", "зірочк")), ("ru", ("решётк", "звёздочк")), ("en", ("hash", "star"))]
)
def test_keys_are_called_by_the_names_that_people_know(prompt: str, lang: str, words: tuple[str, str]) -> None:
    text = CATALOGUE.compose(lang, prompt, attempt=3).text
    assert all(word in text for word in words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_doubt_ever_calls_a_caller_wrong(lang: str) -> None:
    for prompt, texts in CATALOGUE.texts[lang].items():
        text = " ".join(texts[which] for which in TRIES if which in texts).lower()
        assert not re.search(r"неправильн|помилк|неверн|ошиб|неправильно|wrong|error|mistake|invalid", text), prompt


def test_prompts_that_the_dialplan_plays_itself_are_one_clip_each() -> None:
    dialplan = Path(__file__).parents[2] / "asterisk-config/extensions.conf"
    played = re.findall(r"ivr/\$\{IVR_LANGUAGE\}/([\w.]+)", dialplan.read_text("utf-8"))
    assert "apology" in played
    for lang in LANGUAGES:
        for prompt in played:
            assert CATALOGUE.compose(lang, prompt).clips == (f"{lang}/{prompt}",)


# -- what is missing ----------------------------------------------------------------------------------------


@pytest.fixture
def catalogue() -> Catalogue:
    """One of its own: tests below damage it."""
    return Catalogue.load()


def test_a_missing_clip_is_left_out_counted_and_logged_once(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    del catalogue.seconds["uk/read_back.2"]
    words = (("zone", Phrase("zone_day")), ("value", kwh(5)))
    with caplog.at_level(logging.WARNING):
        first, _ = (catalogue.compose("uk", "read_back", words) for _ in range(2))
    assert "uk/read_back.2" not in first.clips
    assert "Якщо все так" in first.text
    assert catalogue.missing["clip uk/read_back.2"] == 2
    assert len(caplog.records) == 1


def test_a_number_with_a_missing_clip_is_spelled_digit_by_digit(catalogue: Catalogue) -> None:
    del catalogue.seconds["uk/n/h3"]
    composed = catalogue.compose("uk", "doubtful_lower", (("value", kwh(2345)),))
    assert composed.clips[1:5] == ("uk/n/2.lead", "uk/n/3.lead", "uk/n/4.lead", "uk/n/5.fall")
    assert "дві тисячі триста сорок п'ять" in composed.text


def test_a_number_that_cannot_be_said_whole_is_not_said_at_all(catalogue: Catalogue) -> None:
    del catalogue.seconds["uk/n/h3"], catalogue.seconds["uk/n/2.lead"]
    composed = catalogue.compose("uk", "doubtful_lower", (("value", kwh(2345)),))
    assert composed.clips == ("uk/doubtful_lower.1", "uk/doubtful_lower.2", "uk/really")
    assert catalogue.missing["clip uk/n/h3"]


def test_a_prompt_that_a_language_lacks_is_said_in_ukrainian(catalogue: Catalogue) -> None:
    del catalogue.texts["ru"]["goodbye"]
    assert catalogue.compose("ru", "goodbye").clips == ("uk/goodbye",)
    assert catalogue.missing["prompt ru/goodbye"]


@pytest.mark.parametrize(
    ("lang", "prompt", "words", "counted"),
    [
        ("uk", "no_such_prompt", (), "prompt no_such_prompt"),
        ("uk", "receipt", (), "word receipt.number"),
        ("uk", "receipt", (("number", 12),), "word receipt.number"),
        ("uk", "doubtful_lower", (("value", kwh("багато")),), "word in_kwh.value"),
        ("uk", "doubtful_lower", (("value", 2345),), "word doubtful_lower.value"),
        ("uk", "read_back", (("zone", "day"), ("value", kwh(1))), "word read_back.zone"),
        ("xx", "receipt", (), "word receipt.number"),
    ],
)
def test_what_a_flow_gets_wrong_is_counted_and_never_raises(
    catalogue: Catalogue, lang: str, prompt: str, words: tuple[tuple[str, object], ...], counted: str
) -> None:
    catalogue.compose(lang, prompt, words)
    assert catalogue.missing[counted]


def test_prompts_that_contain_one_another_come_to_an_end(catalogue: Catalogue) -> None:
    catalogue.texts["uk"]["goodbye"] = {"text": "Ще {noinput}"}
    catalogue.texts["uk"]["noinput"] = {"text": "раз {goodbye}"}
    assert catalogue.compose("uk", "goodbye").text
    assert catalogue.missing


def test_without_any_audio_the_text_is_there_and_one_line_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "catalogue").mkdir()
    for lang in LANGUAGES:
        (tmp_path / f"catalogue/{lang}.toml").write_text('[goodbye]\ntext = "Бувайте."\n', "utf-8")
    silent = Catalogue.load(tmp_path)
    assert silent.compose("uk", "goodbye") == Composition((), "Бувайте.", 0.0, whole=False)
    assert "ivr prompts render" in caplog.text


@pytest.mark.parametrize("text", ["[goodbye\ntext = 1", "[goodbye]\ntext = 3\n", 'goodbye = "x"\n', None])
def test_a_catalogue_that_cannot_be_read_is_named_with_its_fault(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "catalogue").mkdir()
    if text is not None:
        (tmp_path / "catalogue/uk.toml").write_text(text, "utf-8")
    with pytest.raises(CatalogueError, match=r"uk\.toml"):
        Catalogue.load(tmp_path)


@given(st.text("abcЩі .,:{}|019_-", max_size=40))
def test_cutting_loses_no_letter_of_a_text(text: str) -> None:
    pieces = cut("uk/x", text)
    assert "".join(p.text if isinstance(p, Piece) else f"{{{p.name}}}" for p in pieces) == re.sub(
        r"\{(\w+)(\|\w+(:\d+)?)?\}", r"{\1}", text
    )
    clips = [p.clip for p in pieces if isinstance(p, Piece) and p.clip]
    assert len({*clips}) == len(clips)
