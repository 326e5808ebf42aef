"""The main menu, readings with their terms and doubts, statements and hours: what is said, kept, and to whom."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.commands import FindAccount, KeepDoubtful, RecogniseCaller, SubmitReading
from domain.doubt import Plausible
from domain.model import Doubt, KnownCaller, Language, Opening, Outcome, People, Receipt, Source
from flows import FLOWS
from flows import worlds as w
from flows.doubt import Again
from flows.hours import SERVICES, named, told
from flows.meter_reading import counts, if_silent
from flows.statement import of_coming, of_last
from ivr.dialog import INTERRUPTIONS, Answer, Ask, Dialog, Do, Progress, Say
from prompts import Catalogue

NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


class Held:
    """A conversation held with these answers: a key sequence, or the name of an interruption.

    world: command -> result, for what differs from the first answer of `flows.worlds`.
    heard: what was said and asked; done: every command.  It stops at the first question that has no answer left.
    """

    def __init__(self, flow: str, *answers: str, began: Any = w.WITHHELD, **world: Any) -> None:
        self.dialog = Dialog(FLOWS[flow], began)
        self.heard: list[str] = []
        self.done: list[Any] = []
        left = list(answers)
        while (turn := self.dialog.turn) is not None:
            if isinstance(turn, Ask):
                self.heard.append(turn.label)
                if not left:
                    break
                said = left.pop(0)
                stopped = said if said in INTERRUPTIONS else None
                answer = Answer(turn.label, turn.asked, NOW, None if stopped else said, None, stopped)
            elif isinstance(turn, Do):
                self.done.append(turn.command)
                name = type(turn.command).__name__
                result = world[name] if name in world else next(iter(w.world(turn.command).values()))
                answer = Answer(turn.label, turn.asked, NOW, result=result)
            else:
                if isinstance(turn, Say):
                    self.heard.append(turn.label)
                gone = self.dialog.hung_up and isinstance(turn, Say)
                answer = Answer(turn.label, turn.asked, NOW, interruption="hung up" if gone else None)
            self.dialog.answer(answer)

    @property
    def ending(self):
        return self.dialog.ending

    def made(self, kind: Callable[..., Any]) -> list[Any]:
        return [command for command in self.done if isinstance(command, kind)]


def reading(*answers: str, account: Any = w.FLAT, **world: Any) -> Held:
    """By somebody who has dialled the number for readings and keyed their account."""
    return Held("meter_reading", "1", account.number, *answers, **{"FindAccount": account, **world})


# The menu


def test_what_everybody_must_hear_comes_once_before_the_menu():
    announced = w.world(w.HearAnnouncements())["for all"]

    held = Held("main_menu", "1", "7", "1", HearAnnouncements=announced, AskHours=w.HOURS[:1])

    assert held.heard.count("announce_schedule") == 1
    assert held.heard.index("announce_schedule") < held.heard.index("menu")


def test_a_key_pressed_during_an_announcement_is_the_answer_to_the_menu():
    held = Held("main_menu", "1", "2", HearAnnouncements=w.world(w.HearAnnouncements())["for all"])

    assert held.heard[-3:] == ["announce_schedule", "menu", "outage_kind"]


def test_announcements_that_cannot_be_had_keep_nobody_from_the_menu():
    dialog = Dialog(FLOWS["main_menu"], w.SHOWN)
    while not (isinstance(dialog.turn, Ask) and dialog.turn.label == "menu"):
        turn = dialog.turn
        missing = isinstance(turn, Do) and not isinstance(turn.command, RecogniseCaller)
        known = KnownCaller(Language.UK) if isinstance(turn, Do) else None
        dialog.answer(
            Answer(turn.label, turn.asked, NOW, None, known, "trouble") if missing
            else Answer(turn.label, turn.asked, NOW, result=known)
        )  # fmt: skip


def test_silence_after_a_matter_is_a_goodbye_and_a_star_the_menu():
    assert Held("main_menu", "1", "7", "1", "gave up", AskHours=w.HOURS[:2]).heard[-2:] == [
        "other_hours",
        "anything_else",
    ]

    held = Held("main_menu", "1", "7", "gave up", AskHours=w.HOURS[:1])
    assert (held.ending.outcome, held.ending.farewell[0].prompt) == (Outcome.INFORMED, "goodbye")
    assert Held("main_menu", "1", "7", "back", AskHours=w.HOURS[:1]).heard[-1] == "menu"


def test_a_jammed_star_ends_with_people():
    held = Held("main_menu", "1", "back", "back", "back", AskPeople=People(open=True))

    assert (held.ending.to, held.ending.because) == ("agents", "gave up")


def test_who_wants_people_when_nobody_works_is_offered_a_call_back():
    held = Held("main_menu", "1", "wants agent", AskPeople=People(open=False, slots=w.SLOTS))

    assert held.heard[-2:] == ["closed_now", "call_back"]


def test_zero_before_the_notice_counts_after_it():
    held = Held("main_menu", "wants agent", AskPeople=People(open=True))

    assert held.heard == ["languages", "notice"]
    assert held.ending.to == "agents"


def test_another_language_is_offered_once_and_only_to_who_was_greeted_in_a_remembered_one():
    held = Held("main_menu", "9", "3", began=w.SHOWN, RecogniseCaller=KnownCaller(Language.UK))

    assert held.heard == ["notice", "menu", "languages", "menu"]
    asked = [turn for turn in held.dialog.turn.words if turn[0] == "languages"]
    assert asked == [("languages", ())]
    assert [c.language for c in held.made(w.RememberLanguage)] == [Language.EN]


def test_the_account_of_before_is_asked_about_and_not_keyed_again():
    held = Held("main_menu", "1", "1", w.FLAT.number, "back", "5", "1", FindAccount=w.FLAT)

    assert held.heard[-2:] == ["statement", "statement_next"]
    assert "same_account" in held.heard
    assert held.heard.count("account") == 1


# Readings


def test_inside_the_window_nothing_is_said_before_the_value_and_afterwards_what_it_counts_for():
    held = reading("41470", "1470", "1", "2")

    assert held.heard[-5:] == ["value_single", "value_again", "read_back", "receipt", "receipt_again"]
    assert held.ending.outcome is Outcome.READING_TAKEN


def test_outside_the_window_it_is_said_before_anything_is_keyed():
    held = reading(AskTerms=w.ALL_TERMS["outside the window"])

    assert held.heard[-2:] == ["control_before", "value_single"]


def test_who_has_given_one_already_may_correct_it():
    assert reading("2", AskTerms=w.ALL_TERMS["submitted already"]).heard[-1] == "submitted_already"
    assert reading("1", AskTerms=w.ALL_TERMS["submitted already"]).heard[-1] == "value_single"


@pytest.mark.parametrize("leaves", ["back", "wants agent", "gave up"])
def test_who_leaves_without_a_reading_hears_what_will_be_billed(leaves):
    assert "if_silent" in reading(leaves).heard
    assert "if_silent" not in reading(leaves, AskTerms=w.ALL_TERMS["use unknown"]).heard
    assert "if_silent" not in reading("41470", "1470", "1", leaves).heard


def test_who_gives_one_zone_of_two_hears_that_the_rest_is_estimated():
    held = reading("41470", "1470", "1", "wants agent", account=w.TWO_ZONES)

    assert "incomplete" in held.heard
    assert "if_silent" not in held.heard
    assert [c.zones_left for c in held.made(SubmitReading)] == [1]


def test_a_smart_meter_needs_no_keys_unless_its_owner_insists():
    assert reading("2", account=w.SMART).ending.outcome is Outcome.INFORMED
    assert reading("1", account=w.SMART).heard[-1] == "value_single"


def test_the_night_value_keyed_for_the_day_is_taken_for_the_night_and_the_day_asked_for():
    held = reading("31470", "1", "1470", "1", "41470", "1470", "1", account=w.TWO_ZONES)

    kept = held.made(KeepDoubtful)
    assert [(c.zone, c.value, c.said) for c in kept] == [("day", 31470, "it is night")]
    assert [(c.zone, c.value, c.doubt) for c in held.made(SubmitReading)] == [
        ("night", 31470, None),
        ("day", 41470, None),
    ]


@pytest.mark.parametrize("leaves", ["hung up", "wants agent", "back", "gave up"])
def test_a_doubted_value_is_kept_when_the_caller_leaves_in_the_middle_of_the_question(leaves):
    held = reading("43733", leaves)

    assert [(c.value, c.doubt, c.said) for c in held.made(KeepDoubtful)] == [(43733, Doubt.HIGHER, leaves)]
    assert held.made(SubmitReading) == []


def test_who_insists_is_believed_and_written_down():
    (sent,) = reading("43733", "1").made(SubmitReading)

    assert (sent.value, sent.doubt, sent.said) == (43733, Doubt.HIGHER, "insist: as keyed")


def test_who_insists_on_more_digits_than_our_record_has_gets_people():
    held = reading("0414704", "2", AskPeople=People(open=True))

    assert held.ending.because == "display wider than known"
    assert [c.said for c in held.made(KeepDoubtful)][-1].endswith("as keyed")


def test_three_values_that_settle_nothing_lead_to_people():
    held = reading("43733", "2", "43733", "2", "43733", "2", AskPeople=People(open=True))

    assert held.ending.because == "reading in doubt"
    assert len(held.made(KeepDoubtful)) == 3


@pytest.mark.parametrize(("keyed", "agrees"), [("410", True), ("41410", True), ("041410", True), ("411", False)])
def test_the_last_digits_or_all_of_them_confirm_a_value(keyed, agrees):
    verdict = Plausible(210, 3)

    assert verdict.agrees(41410, Again(41410, verdict).parse(keyed)) is agrees


def test_a_lone_zero_is_a_value_only_where_it_can_be_one():
    assert Again(0, Plausible(None, 5)).parse("0") == "0"
    assert Again(0, Plausible(None, 5)).progress("0") is Progress.ENOUGH
    assert Again(41410, Plausible(210, 3)).progress("0") is Progress.MORE


def test_what_a_reading_counts_for_is_said_as_the_receipt_has_it():
    assert [p.prompt for p in counts(Receipt("1", period=w.PERIOD))] == ["counts_billing"]
    assert [p.prompt for p in counts(w.world(SubmitReading("a", "m", "single", 1))["control"])] == ["counts_control"]
    assert counts(Receipt("1")) == ()
    assert if_silent(w.TERMS)[0].words[1] == ("kwh", 210)


# Statements


def test_a_stranger_hears_kilowatt_hours_and_readings_but_no_sums():
    said = {phrase.prompt for phrase in of_last(w.BILL, own=False, meters=1)}

    assert said == {"bill_month", "bill_private", "billed_reading"}
    assert "bill_amount" in {phrase.prompt for phrase in of_last(w.BILL, own=True, meters=1)}


@pytest.mark.parametrize(
    ("known", "money"), [(KnownCaller(Language.UK, (w.FLAT,)), True), (KnownCaller(Language.UK), False)]
)
def test_sums_are_told_to_the_telephone_of_the_account_only(known, money):
    answers = ("5", "1") if known.accounts else ("5", w.FLAT.number)
    held = Held("main_menu", *answers, began=w.SHOWN, RecogniseCaller=known, FindAccount=w.FLAT)

    asked = [c for c in held.done if isinstance(c, FindAccount)]
    assert held.heard[-1] == "statement_next"
    assert bool(asked) is not money
    catalogue = Catalogue.load()
    said = catalogue.compose("uk", "statement", (("last", of_last(w.BILL, money, 1)), ("coming", ()))).text
    assert ("шістсот сім гривень" in said) is money


def test_what_will_be_billed_is_said_with_its_ground_and_the_last_day_to_change_it():
    estimated = of_coming(w.STATEMENTS["paid, nothing read since"])
    assert [p.prompt for p in estimated] == ["coming_estimate", "reading_until"]
    read = of_coming(w.STATEMENTS["half paid, read since"])
    assert [p.prompt for p in read] == ["coming_reading", "correct_until"]
    unknown = of_coming(w.STATEMENTS["no bill yet, use unknown"])
    assert [p.prompt for p in unknown] == ["coming_unknown", "reading_between"]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", w.STATEMENTS)
def test_every_statement_can_be_said_whole(kind, language):
    where = w.STATEMENTS[kind]
    words = (("last", of_last(where.last, True, 2)), ("coming", of_coming(where)))

    assert Catalogue.load().compose(language, "statement", words).whole


def test_every_source_of_a_reading_has_its_words():
    bill = replace(w.BILL, readings=tuple(replace(w.BILL.readings[0], source=source) for source in Source))

    said = Catalogue.load().compose("uk", "statement", (("last", of_last(bill, True, 1)), ("coming", ())))
    assert said.whole
    assert "його зняв наш контролер" in said.text


# Hours


def test_hours_are_told_as_people_say_them():
    hours = (Opening("service", "workdays", "08:00", "17:30"), Opening("interruptions", "daily"))

    assert named(hours) == ("interruptions", "service")
    said = [
        Catalogue.load().compose("uk", "hours_of", (("service", ()), ("hours", told(hours, s)))).text
        for s in named(hours)
    ]
    assert said == [". щодня, цілодобово.", ". у робочі дні, з восьмої до сімнадцятої тридцять."]


def test_a_service_without_a_name_of_ours_is_not_offered():
    assert named((Opening("smoke signals", "daily"), Opening("agents", "on a full moon"))) == ()
    assert len(SERVICES) == 9, "as many as a menu has keys"
