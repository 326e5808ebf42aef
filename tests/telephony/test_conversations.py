"""Whole conversations as real SIP calls through a real Asterisk: what is heard, stored and recorded."""

import asyncio
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from domain.model import Outcome
from ivr.commands.verdict import shortcomings
from ivr.session import Watcher
from ivr.simulator.caller import Caller
from ivr.simulator.given import prepare
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.keys import Keying
from ivr.simulator.phone import clips_of, hold
from ivr.simulator.scenario import Plays, Says, load
from tests.telephony.world import all_came, came, dial, open_hotline, steps

pytestmark = pytest.mark.telephony

FILES = sorted((Path(__file__).parents[1] / "conversations").glob("*.yaml"))
READS = (
    "language", "3", "account", "1000000083", "value_single", "104700#", "value_again", "700#", "read_back", "1",
    "receipt",
)  # fmt: skip
STORED = [("1000000083", "single", 104700, "accepted")]


def held(asterisk, folder, index, *call, settings=None, **person):
    """Hold one call on a hotline of its own; what came of it, and the caller."""

    async def main():
        async with open_hotline(asterisk, folder, **settings or {}) as house:
            caller = await dial(house, index, steps(*call), **person)
            return await came(house), caller

    return asyncio.run(main())


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_scenario_comes_to_the_same_as_a_call_as_it_does_as_text(asterisk, tmp_path, index, voices, file):
    scenario = load(file)

    async def main():
        speaks = any(isinstance(step, Says | Plays) for step in scenario.steps)
        async with open_hotline(asterisk, tmp_path, flow="main_menu", speech=speaks) as house:
            now = datetime.now(UTC)
            await asyncio.wrap_future(house.store.write(lambda conn: prepare(conn, scenario.given, now)))
            dialled = house.address.replace("hotline@", "")  # the scenario says which number
            await hold(scenario, dialled, index, voices=voices)
            result = await came(house)
            return await asyncio.to_thread(shortcomings, house.store, result.call.began.call, scenario.expects)

    assert asyncio.run(main()) == []


@pytest.mark.parametrize("mode", ["rfc4733", "inband", "info"])
@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_keys_arrive_once_each_however_the_telephone_sends_them(asterisk, tmp_path, index, mode, codec):
    result, _ = held(asterisk, tmp_path, index, *READS, "hangs up", dtmf=mode, codec=codec)

    assert result.heard("account") == ["1000000083"]
    assert result.readings == STORED


@pytest.mark.parametrize(
    "keying",
    [
        Keying(tone_ms=40, gap_ms=40),
        Keying(tone_ms=1500, gap_ms=100),
        Keying(marker=False),
        Keying(doubled=True, end_packets=6),
    ],
    ids=["short tones", "long tones", "no marker bit", "repeated end packets"],
)
def test_each_key_counts_once_whatever_its_packets(asterisk, tmp_path, index, keying):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house:
            async with Caller(index, from_user="rfc4733", keying=keying) as caller:
                await caller.dial(house.address)
                for step in READS:
                    if step[0].isdigit():
                        await caller.press(step)
                    else:
                        await caller.hears(clips_of(index, step), timeout=30)
                await caller.hang_up()
            return await came(house)

    result = asyncio.run(main())

    assert result.heard("account") == ["1000000083"]
    assert result.readings == STORED


def test_a_key_stops_the_prompt_at_once(asterisk, tmp_path, index):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house, Caller(index, from_user="rfc4733") as caller:
            await caller.dial(house.address)
            await caller.hears("uk/language")
            await caller.press("1")
            await caller.hears("uk/account", timeout=20)
            pressed = await caller.press("1")
            await caller.quiet(1.0)
            account = next(h for h in caller.heard if h.clip.key == "account")
            return account.last_packet - pressed.started, account.complete

    late, complete = asyncio.run(main())

    assert not complete
    assert late < 0.5


def test_the_notice_is_heard_to_its_end_whatever_is_keyed_and_no_key_is_lost(asterisk, tmp_path, index):
    result, caller = held(asterisk, tmp_path, index, "language", "3", "notice", "1000000083",
                          "value_single", "hangs up")  # fmt: skip

    notice = next(h for h in caller.heard if h.clip.key == "notice")
    assert notice.complete
    assert result.recording.state == "sealed"


def test_a_call_that_ends_during_the_notice_leaves_no_recording(asterisk, tmp_path, index):
    result, _ = held(asterisk, tmp_path, index, "language", "1", "notice", "hangs up")

    assert (result.call.outcome, result.recording.state) == (Outcome.ABANDONED, "erased")
    assert not list(asterisk.config.spool.glob(f"{result.call.began.call}*"))


@pytest.mark.parametrize("last", range(1, len(READS)))
def test_hanging_up_at_any_step_leaves_one_outcome_and_what_was_confirmed(asterisk, tmp_path, index, last):
    result, _ = held(asterisk, tmp_path, index, *READS[:last], "hangs up")

    confirmed = last > READS.index("receipt") - 1
    assert result.readings == (STORED if confirmed else [])
    assert result.call.outcome in ((Outcome.READING_TAKEN,) if confirmed else (Outcome.ABANDONED,))


def test_the_recording_is_the_call_both_sides_of_it_and_as_long(asterisk, tmp_path, index):
    result, caller = held(asterisk, tmp_path, index, *READS, "receipt_again", "2", "goodbye", dtmf="inband")

    with wave.open(str(tmp_path / result.recording.path)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2).astype(float)
    lasted = caller.hangup.at - caller.answered.at
    assert abs(len(samples) / 8000 - lasted) < 0.5
    for side, name in enumerate(("caller", "prompts")):
        assert np.abs(samples[:, side]).max() > 1000, f"the {name} can be heard"
    notice = next(h for h in caller.heard if h.clip.key == "notice")
    at = int((notice.first_packet - caller.answered.at) * 8000)
    length = notice.clip.frames * 160
    around = samples[max(0, at - 4000) : at + length + 4000, 1]
    there = index_samples(index, notice.clip)
    peak = np.correlate(around, there, "valid").argmax() - min(4000, at)
    assert abs(peak) / 8000 < 0.3, "the prompts stand where they were heard"
    assert result.recording.reason is None


def index_samples(index, clip):
    return index._samples[index.places[clip]].astype(float)


def test_a_caller_who_sends_no_sound_is_still_recorded_in_full_length_and_gets_to_people(asterisk, tmp_path, index):
    brisk = {"account": {"timeout": 2.0, "tries": 2}, "call_back": {"timeout": 0.5, "tries": 1}}
    result, caller = held(
        asterisk, tmp_path, index, "language", "notice", "account", "gave_up", "nobody_free", "call_back", "goodbye",
        rtp=False,
        settings={"questions": brisk},
    )  # fmt: skip

    assert "returned" in [line.label for line in result.journal], "who were not there"
    assert result.call.outcome is Outcome.NO_AGENT
    assert abs(result.recording.seconds - (caller.hangup.at - caller.answered.at)) < 0.5
    assert result.recording.reason == "no sound came from the caller"


@pytest.mark.parametrize("number", [None, "+380440000001", "0440000001"])
def test_a_caller_is_known_by_their_number_however_the_network_writes_it(asterisk, tmp_path, index, number):
    first = "language" if number is None else "your_account"
    result, _ = held(asterisk, tmp_path, index, first, "hangs up", caller=number)

    assert result.call.began.caller == (number and "+380440000001")


def test_forty_keys_at_once_and_keys_that_mean_nothing_end_in_a_recorded_outcome(asterisk, tmp_path, index):
    result, _ = held(asterisk, tmp_path, index, "language", "1" + "*#" * 5 + "9" * 40, 3.0, "hangs up")

    assert result.call.outcome in (Outcome.ABANDONED, Outcome.TRANSFERRED)
    assert result.readings == []


def test_timers_run_from_the_prompts_end_and_lead_to_the_next_try(asterisk, tmp_path, index):
    questions = {"account": {"timeout": 1.0, "tries": 2}, "languages": {"timeout": 0.5}}

    result, caller = held(
        asterisk, tmp_path, index, "language", "1", "account", "noinput", "account", "gave_up", "hangs up",
        settings={"questions": questions},
    )  # fmt: skip

    first, again = (h for h in caller.heard if h.clip.key in ("account", "noinput") if h.clip.lang == "uk")
    silence = again.first_packet - (first.first_packet + first.clip.frames * 0.02)
    assert 0.9 < silence < 1.6
    assert result.call.because == "gave up"
    assert result.call.outcome is Outcome.TRANSFERRED


class Arrivals(Watcher):
    """Knows which calls a session has taken up."""

    def __init__(self):
        self.lines = asyncio.Queue()

    def began(self, line, adopted):
        self.lines.put_nowait(line)


def test_twenty_calls_at_once_lose_and_double_no_digit(asterisk, tmp_path, index):
    """Each dials when the one before is taken: conversations side by side, not calls that come in one moment.  Who
    comes while twenty callers of this very process keep it busy would measure the machine, not us."""
    callers = 20

    async def one(house, number):
        value = 104600 + number
        await dial(
            house,
            index,
            steps(*READS[:5], f"{value}#", "value_again", f"{value}#", *READS[8:], "hangs up"),
            codec="PCMA",
        )
        return value

    async def main():
        arrivals = Arrivals()
        async with open_hotline(asterisk, tmp_path, watchers=[arrivals]) as house:
            async with asyncio.TaskGroup() as calls:
                held = []
                for number in range(callers):
                    held.append(calls.create_task(one(house, number)))
                    async with asyncio.timeout(10):
                        await arrivals.lines.get()
                assert house.controller.switchboard.in_hand == callers, "all of them at one time"
            return [call.result() for call in held], await all_came(house, callers)

    values, results = asyncio.run(main())

    assert sorted(r.readings[0][2] for r in results) == sorted(values)
    assert {tuple(r.heard("account")) for r in results} == {("1000000083",)}
    assert {r.call.outcome for r in results} == {Outcome.READING_TAKEN}
    assert {r.recording.state for r in results} == {"sealed"}


def test_the_index_knows_every_prompt(index):
    assert isinstance(index, PromptIndex)
    assert {clip.lang for clip in index.clips} >= {"uk", "ru", "en"}
