"""Recognising prompts from the packets of a call."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_world import Exchange, World, speech, world

from ivr.simulator.caller import Caller, NotHeard, latency
from ivr.simulator.g711 import CODECS, FRAME, PCMA, CodecName
from ivr.simulator.hearing import BadSound, Heard, Listener, PromptIndex, UnknownPrompt

ALIKE = speech(20, 1.0, tail=0)
BEEP = np.round(8000 * np.sin(2 * np.pi * 1000 * np.arange(1600) / 8000)).astype(np.int16)
SOUNDS = {
    ("uk", "greeting"): speech(1, 1.0),
    ("uk", "account"): speech(2, 1.2),
    ("uk", "n/1"): speech(3, 0.3, lead=0, tail=0.02),
    ("uk", "n/2"): speech(4, 0.3, lead=0, tail=0.02),
    ("uk", "alike"): ALIKE,
    ("uk", "alike_but_longer"): np.concatenate([ALIKE, speech(21, 0.5, lead=0.2)]),
    ("uk", "alike_and_other"): np.concatenate([ALIKE, speech(22, 0.9, lead=0)]),
    ("uk", "beep"): BEEP,
    ("uk", "pause"): np.zeros(8000, np.int16),
    ("ru", "greeting"): speech(5, 1.0),
    ("ru", "thanks"): speech(6, 0.8),
    ("ru", "thanks_again"): speech(6, 0.8),
}
INDEX = PromptIndex(SOUNDS)
NAMES = sorted(f"{lang}/{key}" for lang, key in SOUNDS if key not in ("pause", "thanks_again"))


class Line:
    """Feeds a listener as a call would, one packet each 20 ms."""

    def __init__(self, codec: CodecName = "PCMA", start: int = 4711):
        self.heard: list[Heard] = []
        self.codec = CODECS[codec]
        self.listener = Listener(INDEX, self.codec, self.heard.append)
        self.sequence, self.now = start, 100.0

    def frames(self, name: str) -> list[bytes]:
        lang, _, key = name.partition("/")
        return self.codec.frames(SOUNDS[lang, key])

    def packets(self, frames: list[bytes], lost: frozenset[int] = frozenset()) -> "Line":
        for n, frame in enumerate(frames):
            if n not in lost:
                self.listener.frame(self.sequence, frame, self.now, self.codec.audible(frame))
                self.listener.idle(self.now)
            self.sequence += 1
            self.now += 0.02
        return self

    def play(self, name: str, **options) -> "Line":
        return self.packets(self.frames(name), **options)

    def pause(self, seconds: float) -> "Line":
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            self.listener.idle(self.now)
        return self

    @property
    def names(self) -> list[str]:
        return [str(heard) for heard in self.heard]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", NAMES)
def test_every_clip_is_recognised_with_its_times(name: str, codec: CodecName):
    line = Line(codec).play(name).pause(0.2)
    assert line.names == [name]
    heard = line.heard[0]
    assert heard.first_packet == pytest.approx(100.0)
    assert heard.onset == pytest.approx(100.0 + heard.clip.onset * 0.02)
    assert heard.complete and line.listener.unknown == 0


@settings(deadline=None)
@given(
    played=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([0.0, 0.02, 1.5])), min_size=1, max_size=8),
    silence=st.integers(0, 40),
    lost=st.frozensets(st.integers(0, 40), max_size=6),
)
def test_any_sequence_is_recognised_with_packets_lost_anywhere(played, silence, lost):
    played = [(name, gap) for name, gap in played if name != "uk/beep"]  # its frames are all the same
    line = Line()
    for name, gap in played:
        line.play(name, lost=lost).packets([PCMA.silence] * silence).pause(gap)
    line.listener.settle()
    assert line.names == [name for name, _ in played]


def test_clips_that_begin_alike_are_told_apart_where_they_part():
    assert Line().play("uk/alike").pause(0.2).names == ["uk/alike"]
    assert Line().play("uk/alike").packets([PCMA.silence] * 12).names == ["uk/alike"], "where silence is sent, too"
    assert Line().play("uk/beep").packets([PCMA.silence]).names == ["uk/beep"]
    assert Line().play("uk/alike_but_longer").names == ["uk/alike_but_longer"]
    assert Line().play("uk/alike_and_other").names == ["uk/alike_and_other"]
    line = Line().play("uk/alike").play("uk/greeting")
    assert line.names == ["uk/alike", "uk/greeting"], "another clip right after it decides, too"


def test_a_clip_cut_off_before_it_is_unique_names_all_it_could_have_been():
    line = Line()
    line.packets(line.frames("uk/alike")[:20]).pause(0.2)
    heard = line.heard[0]
    assert not heard.complete
    assert {str(heard), *map(str, heard.same)} == {"uk/alike", "uk/alike_but_longer", "uk/alike_and_other"}


def test_files_with_the_same_sound_are_both_meant():
    line = Line().play("ru/thanks")
    assert line.heard[0].is_any_of(INDEX.find("ru/thanks_again")) and line.heard[0].is_any_of(INDEX.find("thanks"))


def test_the_same_clip_twice_in_a_row_is_heard_twice():
    assert Line().play("uk/n/1").play("uk/n/1").play("uk/n/2").names == ["uk/n/1", "uk/n/1", "uk/n/2"]


def test_a_clip_held_up_in_the_middle_is_heard_once():
    line = Line()
    frames = line.frames("uk/account")
    line.packets(frames[:30]).pause(0.5).packets(frames[30:])
    assert line.names == ["uk/account"] and line.heard[0].complete


def test_a_slip_of_the_sequence_numbers_inside_a_clip_is_no_new_playing():
    line = Line()
    frames = line.frames("uk/account")
    line.packets(frames[:30])
    line.sequence += 2
    line.packets(frames[30:])
    assert line.names == ["uk/account"] and line.heard[0].complete


def test_a_clip_broken_off_and_begun_again_is_heard_twice():
    line = Line()
    line.packets(line.frames("uk/account")[:30]).play("uk/account")
    assert line.names == ["uk/account"] * 2
    assert [heard.complete for heard in line.heard] == [False, True]


def test_a_clip_whose_beginning_was_lost_began_when_it_would_have_come():
    line = Line().play("uk/greeting").play("uk/account", lost=frozenset(range(10)))
    assert line.heard[1].first_packet == pytest.approx(100.0 + len(SOUNDS["uk", "greeting"]) / 8000)


def noisy(name: str, volume: float, below: float, seed: int = 7) -> list[bytes]:
    """A clip at another volume under white noise so many dB below the speech."""
    lang, _, key = name.partition("/")
    sound = SOUNDS[lang, key] * volume
    noise = np.random.default_rng(seed).standard_normal(len(sound)) * np.sqrt(np.mean(sound**2)) * 10 ** (-below / 20)
    return PCMA.frames(np.clip(sound + noise, -32768, 32767).astype(np.int16))


@pytest.mark.parametrize(("volume", "below"), [(0.5, 60), (1.0, 20), (1.5, 6)])
def test_under_noise_and_at_another_volume_the_awaited_clip_is_recognised(volume: float, below: float):
    line = Line()
    line.listener.expect(INDEX.find("uk/account"))
    line.packets(noisy("uk/greeting", volume, below))
    assert line.names == [], "another clip is not taken for it"
    began = line.now
    line.packets(noisy("uk/account", volume, below))
    assert line.names == ["uk/account"] and line.heard[0].by == "correlation"
    assert line.heard[0].first_packet == pytest.approx(began, abs=0.021)


def test_a_clip_that_came_before_anybody_waited_for_it_is_found_in_the_noise():
    line = Line()
    line.packets(noisy("uk/greeting", 0.7, 10)).packets(noisy("uk/account", 0.7, 10)).pause(0.3)
    line.listener.expect(INDEX.find("uk/greeting"))
    line.listener.expect(INDEX.find("uk/account"))
    assert line.names == ["uk/greeting", "uk/account"]


def test_noise_alone_is_no_prompt():
    line = Line()
    line.listener.expect(frozenset(INDEX.clips))
    noise = np.random.default_rng(3).normal(0, 3000, 8000 * 20).astype(np.int16)
    line.packets(PCMA.frames(noise))
    assert line.names == [] and line.listener.unknown == 1000


# The folder of sounds


def write(path: Path, samples: np.ndarray, rate: int = 8000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def test_a_folder_gives_languages_and_keys(tmp_path: Path):
    for (lang, key), samples in SOUNDS.items():
        write(tmp_path / lang / f"{key}.wav", samples)
    index = PromptIndex.from_folder(tmp_path)
    assert index.clips == INDEX.clips and index.twins == INDEX.twins
    assert {clip.name for clip in index.find("greeting")} == {"uk/greeting", "ru/greeting"}
    assert {clip.name for clip in index.find("uk/n/1")} == {"uk/n/1"}


@pytest.mark.parametrize("codec", CODECS)
def test_a_folder_of_bare_a_law_is_known_by_what_calls_make_of_it(tmp_path: Path, codec: CodecName):
    for (lang, key), samples in SOUNDS.items():
        path = tmp_path / lang / f"{key}.alaw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PCMA.encode(samples))
    index = PromptIndex.from_folder(tmp_path)
    assert [clip.name for clip in index.clips] == [clip.name for clip in INDEX.clips]
    heard: list[Heard] = []
    listener = Listener(index, CODECS[codec], heard.append)
    carried = CODECS[codec].frames(PCMA.decode(PCMA.encode(SOUNDS["uk", "account"])))
    for n, frame in enumerate(carried):
        listener.frame(n, frame, n * 0.02, CODECS[codec].audible(frame))
    assert [each.clip.name for each in heard] == ["uk/account"] and listener.unknown == 0


def test_a_name_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(UnknownPrompt, match="there is uk/greeting"):
        INDEX.find("uk/greting")
    with pytest.raises(UnknownPrompt):
        INDEX.find("uk/pause")


def test_sounds_that_asterisk_could_not_play_so_are_refused(tmp_path: Path):
    with pytest.raises(BadSound, match="no prompts there"):
        PromptIndex.from_folder(tmp_path)
    write(tmp_path / "uk/a.wav", ALIKE, rate=16000)
    with pytest.raises(BadSound, match=r"a\.wav: 16000 Hz"):
        PromptIndex.from_folder(tmp_path)
    (tmp_path / "uk/a.wav").write_bytes(b"RIFF")
    with pytest.raises(BadSound, match="not a WAV file"):
        PromptIndex.from_folder(tmp_path)
    (tmp_path / "uk/a.alaw").write_bytes(PCMA.encode(ALIKE))
    with pytest.raises(BadSound, match=r"a\.wav: a\.alaw is there, too"):
        PromptIndex.from_folder(tmp_path)


# In a call


def caller(loop: World) -> Caller:
    return Caller(INDEX, from_user="x", clock=loop.time)


URI = "sip:700@127.0.0.1:5060"


def test_the_time_from_the_last_key_to_the_answer_is_measured():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            greeting = asyncio.create_task(exchange.play(PCMA.frames(SOUNDS["uk", "greeting"])))
            await call.hears("greeting", timeout=1)
            await greeting
            pressed = await call.press("12#")
            await asyncio.sleep(0.25)
            sent = loop.time()
            answer = asyncio.create_task(exchange.play(PCMA.frames(SOUNDS["uk", "account"])))
            heard = await call.hears(["uk/account", "uk/n/1"], timeout=1)
            measured = latency(pressed, heard)
            assert measured.packet == pytest.approx(sent + 0.001 - pressed.ended, abs=1e-6)
            assert measured.onset - measured.packet == pytest.approx(heard.clip.onset * 0.02, abs=0.001)
            assert loop.time() < heard.onset + 0.041, "known by its second audible packet"
            await answer
        assert [event.text for event in call.events if event.kind in ("key", "heard")] == [
            "uk/greeting",
            "12#",
            "uk/account",
        ]
        exchange.close()

    world(test)


def test_quiet_comes_when_nothing_audible_has_come_for_that_long():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            playing = asyncio.create_task(exchange.play(PCMA.frames(SOUNDS["uk", "greeting"])))
            heard = await call.hears("greeting")
            await call.quiet(0.6)
            assert heard.complete
            assert loop.time() == pytest.approx(heard.first_packet + heard.clip.tail * 0.02 + 0.6, abs=0.001)
            await playing
        exchange.close()

    world(test)


def test_a_prompt_that_does_not_come_is_reported_with_what_came():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            playing = asyncio.create_task(exchange.play(PCMA.frames(SOUNDS["uk", "greeting"])))
            with pytest.raises(NotHeard) as not_heard:
                await call.hears("uk/account", timeout=3)
            await playing
            assert [str(heard) for heard in not_heard.value.instead] == ["uk/greeting"]
            assert str(not_heard.value) == (
                "did not hear 'uk/account' in 3.0 s; heard instead: uk/greeting at 0.00 s; silence for the last 2.0 s"
            )
            assert str(await call.hears("uk/greeting", timeout=0.1)) == "uk/greeting", "it was not used up"
            with pytest.raises(NotHeard, match="no other prompt came"):
                await call.hears("uk/greeting", timeout=0.1)
            with pytest.raises(UnknownPrompt):
                await call.hears("uk/acount")
        exchange.close()

    world(test)


def test_waiting_ends_at_once_when_the_far_side_hangs_up():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            loop.call_later(0.5, exchange.ask, "BYE", 7, "Reason: Q.850;cause=38\r\n")
            began = loop.time()
            with pytest.raises(
                NotHeard, match=r"not one RTP packet has come; the far side hung up \(Q\.850 38\)"
            ) as e:
                await call.hears("uk/account", timeout=30)
            assert loop.time() - began == pytest.approx(0.5, abs=0.01) and e.value.waited < 1
        exchange.close()

    world(test)


def test_a_short_last_frame_is_not_in_the_way():
    index = PromptIndex({("uk", "odd"): np.concatenate([speech(1, 0.4), np.full(70, 900, np.int16)])})
    assert index.clips[0].frames == len(speech(1, 0.4)) // FRAME
