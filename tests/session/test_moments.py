"""What is noted of a call between its answers, and that noting it costs the call nothing."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from domain import calls, moments
from domain.moments import Kind
from flows import FLOWS
from ivr import recorder
from ivr.ports import Deaf, Played
from ivr.simulator.scenario import HangsUp, Hears, Listens, Presses, Waits
from ivr.simulator.text import TextLine
from tests.session.conftest import Reacts
from tests.session.test_speech import READS, Speaks

KEYS = {
    "language": "1",
    "account": "1000000083",
    "value_single": "104700#",
    "value_again": "700#",
    "read_back": "1",
    "receipt_again": "2",
}


@pytest.fixture
def house(hotline):
    return replace(hotline.house, spoken=lambda: ("uk",))


def keys(pressed):
    return Presses(keys=pressed, tone=100, gap=80)


def noted(hotline, line):
    return hotline.store.read(lambda conn: moments.of_call(conn, line.began.call)).result()


def of(happened, *kinds):
    return [one for one in happened if one.kind in kinds]


def test_every_prompt_is_noted_as_it_was_spoken_and_as_long_as_it_was_heard(hotline):
    line = hotline.line([Hears(hears="language"), keys("1"), Listens(), Listens(), Waits(waits=1), HangsUp()])
    hotline.hold(line)

    asked, notice, account = of(noted(hotline, line), Kind.PROMPT)
    assert asked.facts["prompt"] == asked.facts["question"] == "languages"
    assert notice.facts == {
        "prompt": "notice",
        "text": hotline.catalogue.compose("uk", "notice").text,
        "language": "uk",
        "seconds": round(hotline.catalogue.compose("uk", "notice").duration_s, 2),
    }
    assert account.facts["attempt"] == 1
    cut, whole, *_ = of(noted(hotline, line), Kind.PLAYED)
    assert cut.facts == {"whole": False, "by": "key"}
    assert whole.facts == {"whole": True}
    assert (whole.at - notice.at).total_seconds() == pytest.approx(notice.facts["seconds"], abs=0.01)


def test_every_key_is_noted_when_it_was_pressed(hotline):
    line = hotline.line([Hears(hears="language"), keys("1"), Hears(hears="account"), keys("12345"), HangsUp()])
    hotline.hold(line)

    pressed = of(noted(hotline, line), Kind.KEY)
    assert [one.facts["key"] for one in pressed] == list("112345")
    apart = {(later.at - one.at).total_seconds() for one, later in pairwise(pressed[1:])}
    assert apart == {0.1}, "as the text telephone presses them"
    assert of(noted(hotline, line), Kind.GONE)[0].facts == {"cause": "caller hung up"}


def test_what_was_no_answer_is_noted_with_the_attempt_that_it_cost_the_last_one_too(hotline):
    line = hotline.line(
        [Hears(hears="language"), keys("1"), Hears(hears="account"), Listens(), Waits(waits=7.5),
         Hears(hears="account"), keys("12#"), Hears(hears="account"), keys("9#"), Listens()]
    )  # fmt: skip
    hotline.hold(line)

    missed = of(noted(hotline, line), Kind.NOINPUT, Kind.NOMATCH)
    assert [(one.kind, one.facts["question"], one.facts["attempt"]) for one in missed] == [
        ("noinput", "account", 1),
        ("nomatch", "account", 2),
        ("nomatch", "account", 3),
    ]
    again = [one.facts for one in of(noted(hotline, line), Kind.PROMPT) if one.facts.get("question") == "account"]
    assert [(facts["attempt"], facts.get("after")) for facts in again] == [(1, None), (2, "noinput"), (3, "nomatch")]
    assert hotline.record(line).because == "gave up"


def test_a_voice_stops_a_prompt_and_its_words_are_noted_when_they_were_said(hotline, house):
    line = hotline.line(Speaks(READS))
    hotline.hold(line, house=house)

    happened = noted(hotline, line)
    value = READS["value_single"]
    asked = next(n for n, one in enumerate(happened) if one.facts.get("question") == "value_single")
    voice, stopped, pause, understood = happened[asked + 1 : asked + 5]
    assert voice.kind == Kind.VOICE
    assert stopped.facts == {"whole": False, "by": "voice"}
    assert pause.facts == {"words": value}
    (way,) = understood.facts["alternatives"]
    assert (way["words"], way["confidence"]) == (value, 1.0)
    assert [word for word, *_ in way["each"]] == value.split()
    began = understood.at + timedelta(seconds=way["each"][0][1])
    assert (began - voice.at).total_seconds() == pytest.approx(0, abs=0.02)
    ended = understood.at + timedelta(seconds=way["each"][-1][2])
    assert (ended - pause.at).total_seconds() == pytest.approx(0, abs=0.02)


def test_lost_speech_and_a_prompt_that_never_ends_are_noted(hotline, house):
    class Troubled(TextLine):
        troubles = 0

        async def hear(self, until):
            heard = await super().hear(until)
            if isinstance(heard, Played) and self.troubles == 0:
                self.troubles = 1
                return Deaf("worker died")
            return heard

    line = hotline.line(Reacts(KEYS))
    line.__class__ = Troubled
    hotline.hold(line, house=house)

    kinds = [one.kind for one in noted(hotline, line)]
    assert of(noted(hotline, line), Kind.DEAF)[0].facts == {"why": "worker died"}
    assert kinds.count(Kind.OVERDUE) == 1, "its Played never came"
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_the_farewell_is_noted_with_the_outcome(hotline):
    line = hotline.line(Reacts(KEYS))
    hotline.hold(line)

    *_, farewell, over = noted(hotline, line)
    assert farewell.facts["prompt"] == "goodbye"
    assert over.kind == Kind.OVER


def test_nothing_is_committed_for_moments_alone(hotline, monkeypatch):
    """Whenever there are more of them, there are more lines too, or the call has ended."""
    line, seen = hotline.line(Reacts(KEYS)), []
    write = hotline.store.write

    def watched(job):
        done = write(job)
        done.exception()
        seen.append((len(hotline.journal(line)), hotline.record(line).outcome, len(noted(hotline, line))))
        return done

    monkeypatch.setattr(hotline.store, "write", watched)
    hotline.hold(line)

    grown = [(before, after) for before, after in pairwise(seen) if after[2] > before[2]]
    assert len(grown) > 5
    assert all(after[0] > before[0] or after[1] for before, after in grown)
    assert seen[-1][2] == len(noted(hotline, line))


class PowerCut(BaseException):
    pass


class Cuts:
    def __init__(self, n):
        self.left = n

    def _count(self, *_):
        self.left -= 1
        if self.left < 0:
            raise PowerCut

    began = said = keyed = answered = ended = _count


@pytest.mark.parametrize("moment", [3, 9, 21, 33, 44])
def test_a_power_cut_loses_what_happened_since_the_last_line_and_the_rest_goes_on_counting(hotline, moment):
    line = hotline.line(Reacts(KEYS))
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(moment),)))
    before = noted(hotline, line)
    last = hotline.journal(line)[-1].at if hotline.journal(line) else line.began.at
    assert all(one.at <= last for one in before)

    line.forget_prompt()
    hotline.hold(line, adopted=True)

    after = noted(hotline, line)
    assert after[: len(before)] == before
    assert [one.n for one in after] == list(range(len(after)))
    taken_up = after[len(before)]
    assert taken_up.kind == Kind.FLOW
    assert taken_up.facts.get("adopted", False) == bool(before)
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_what_happened_before_a_deed_that_failed_is_kept_with_the_next_line(hotline, monkeypatch):
    line = hotline.line(Reacts(KEYS))
    append, failed = calls.append, []

    def failing(conn, call, written):
        if written.label == "SubmitReading" and not failed:
            failed.append(written)
            raise ValueError("no such meter")
        append(conn, call, written)

    monkeypatch.setattr(calls, "append", failing)
    hotline.hold(line)

    assert failed
    pressed = [one.facts["key"] for one in of(noted(hotline, line), Kind.KEY)]
    assert "".join(pressed).startswith("1" + KEYS["account"] + KEYS["value_single"])


def test_a_jammed_key_fills_no_store(hotline, monkeypatch):
    monkeypatch.setattr(recorder, "MOST", 20)
    line = hotline.line([Hears(hears="language"), keys("7" * 60), HangsUp()])
    hotline.hold(line)

    happened = noted(hotline, line)
    assert len(happened) == 21
    assert happened[-1].kind == Kind.CUT


def test_the_conversation_is_named_and_that_after_people_did_not_answer_too(hotline):
    line = hotline.line([Hears(hears="language"), keys("1"), Hears(hears="account"), keys("0"), Listens()])
    house = replace(hotline.house, returned=FLOWS["nobody_free"])
    hotline.hold(line, house=house)
    assert line.give_back()
    hotline.hold(line, house=house)

    assert [one.facts for one in of(noted(hotline, line), Kind.FLOW)] == [
        {"flow": "meter_reading", "returned": 0},
        {"flow": "nobody_free", "returned": 1},
    ]
