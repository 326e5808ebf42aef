"""Sound and keys of the scripted caller: G.711, pacing, telephone-events, tones, and the time line of what came."""

import asyncio
import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_world import Exchange, World, speech, world

from ivr.simulator import rtp
from ivr.simulator.caller import Caller, CallerError
from ivr.simulator.g711 import CODECS, FRAME, PCMA, PCMU, Codec, CodecName
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.keys import KEYS, Keying, tones
from ivr.simulator.sdp import Malformed

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

URI = "sip:700@127.0.0.1:5060"
INDEX = PromptIndex({("uk", "greeting"): speech(1, 1.0)})


def caller(loop: World, **options) -> Caller:
    return Caller(INDEX, from_user="x", clock=loop.time, **options)


# G.711


def test_decoding_agrees_with_another_implementation():
    every = bytes(range(256))
    assert PCMA.decode(every).tobytes() == audioop.alaw2lin(every, 2)
    assert PCMU.decode(every).tobytes() == audioop.ulaw2lin(every, 2)


def test_encoding_agrees_with_another_implementation_but_for_the_rounding_of_negative_mu_law():
    samples = np.arange(-32768, 32768).astype(np.int16)
    assert PCMA.encode(samples) == audioop.lin2alaw(samples.tobytes(), 2)
    ours, theirs = PCMU.encode(samples), audioop.lin2ulaw(samples.tobytes(), 2)
    assert ours[32768:] == theirs[32768:]
    differ = [a != b for a, b in zip(ours[:32768], theirs[:32768], strict=True)]
    assert 0 < sum(differ) / len(differ) < 0.04, "Asterisk's table leaves out the lowest bits, towards zero"


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_was_decoded_encodes_to_itself(codec: Codec):
    every = bytes(range(256))
    again = codec.encode(codec.decode(every))
    assert [n for n in range(256) if again[n] != n] in ([], [0x7F]), "mu-law has two zeros"


def test_silence_is_the_value_that_telephones_send():
    assert PCMA.silence == b"\xd5" * FRAME and PCMU.silence == b"\xff" * FRAME
    for codec in CODECS.values():
        assert not codec.audible(codec.silence) and not codec.audible(codec.encode(np.full(160, -200, np.int16)))
        assert codec.audible(codec.silence[1:] + codec.encode(np.array([-300], np.int16)))


# Pacing


def test_a_packet_of_silence_goes_out_every_20_ms_without_drift():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            await asyncio.sleep(60)
        packets = exchange.rtp
        assert len(packets) == 3000 + 1
        assert {packet.payload for packet in packets} == {PCMA.silence}
        assert [packet.marker for packet in packets[:3]] == [True, False, False]
        for n, packet in enumerate(packets):
            assert packet.at == pytest.approx(packets[0].at + n * 0.02, abs=0.0006)
            assert (packet.sequence - packets[0].sequence) % 65536 == n
            assert (packet.timestamp - packets[0].timestamp) % 2**32 == n * 160
        assert call.stats.late_ticks == 0
        exchange.close()

    world(test)


def test_a_stall_is_counted_and_caught_up_in_part():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            await asyncio.sleep(1.005)
            before = len(exchange.rtp)
            loop.selector.now += 1.0  # the process did not run for a second
            await asyncio.sleep(0.0055)
            burst = exchange.rtp[before:]
            assert len(burst) in (10, 11, 12), "200 ms of it"
            await asyncio.sleep(1)
        assert (exchange.rtp[-1].timestamp - exchange.rtp[0].timestamp) % 2**32 == pytest.approx(3.0 * 8000, abs=320)
        assert call.stats.latest == pytest.approx(0.2, abs=0.03)
        assert call.stats.late_share == pytest.approx(50 / 150, abs=0.02)
        exchange.close()

    world(test)


def test_calls_share_one_pacer_and_send_in_different_phases():
    async def test(loop: World):
        streams = []
        for _ in range(8):
            stream = rtp.RtpStream(PCMA, lambda *_: None, clock=loop.time)
            await stream.open("127.0.0.1")
            assert stream.port % 2 == 0
            stream.start()
            stream.start()
            streams.append(stream)
        pacer = rtp.Pacer.of_this_loop()
        assert [len(phase) for phase in pacer._phases] == [2, 2, 2, 2]
        await asyncio.sleep(1)
        assert {stream.stats.ticks for stream in streams} <= {50, 51}
        for stream in streams:
            stream.close()
        assert pacer._timer is None, "with nobody left it rests"

    world(test)


def test_a_silent_telephone_sends_nothing_at_all():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop, send_rtp=False) as call:
            await call.dial(URI)
            await asyncio.sleep(1)
            with pytest.raises(CallerError, match="no RTP is being sent"):
                await call.press("1")
        assert exchange.rtp == []
        exchange.close()

    world(test)


# Keys


def press(keys: str, keying: Keying | None = None, **options) -> tuple[Exchange, list[float], list[float]]:
    """What arrived when these keys were pressed, and when they started and ended."""
    result = []

    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop, keying=keying, **options) as call:
            await call.dial(URI)
            await asyncio.sleep(0.1)
            pressed = await call.press(keys)
            assert loop.time() - pressed.ended <= 0.002, "returns with the end of the last key"
            await asyncio.sleep(1.0)
        exchange.close()
        result.extend((exchange, [key.started for key in pressed.keys], [key.ended for key in pressed.keys]))

    world(test)
    return tuple(result)


def test_a_key_is_one_event_with_marker_growing_duration_and_three_ends():
    exchange, started, ended = press("5")
    events = [packet for packet in exchange.rtp if packet.type == 101]
    assert [packet.marker for packet in events] == [True] + [False] * 7
    assert [int.from_bytes(packet.payload[2:], "big") for packet in events] == [160, 320, 480, 640] + [800] * 4
    assert [packet.payload[1] >> 7 for packet in events] == [0] * 5 + [1] * 3
    assert {packet.payload[0] for packet in events} == {5} and len({packet.timestamp for packet in events}) == 1
    assert events[0].at == pytest.approx(started[0] + 0.001, abs=1e-5)
    assert events[5].at == pytest.approx(ended[0] + 0.001, abs=1e-5)
    assert ended[0] - started[0] == pytest.approx(0.1, abs=0.0006)
    sequences = [packet.sequence for packet in exchange.rtp]
    assert all((b - a) % 65536 == 1 for a, b in pairwise(sequences))


def test_keys_follow_one_another_after_the_gap():
    exchange, started, ended = press(KEYS)
    assert exchange.keys() == [(key, 100, True) for key in KEYS]
    assert [b - a for a, b in zip(ended, started[1:], strict=False)] == pytest.approx([0.08] * 15, abs=0.0006)


@settings(max_examples=25, deadline=None)
@given(
    keys=st.text(KEYS, min_size=1, max_size=4),
    tone=st.integers(1, 2000),
    gap=st.integers(0, 100),
    ends=st.integers(1, 12),
    marker=st.booleans(),
    doubled=st.booleans(),
)
def test_whatever_the_telephone_does_wrong_each_key_is_one_event(keys, tone, gap, ends, marker, doubled):
    keying = Keying(tone, gap, end_packets=ends, marker=marker, doubled=doubled)
    exchange, _, _ = press(keys, keying)
    assert exchange.keys() == [(key, tone, True) for key in keys]
    events = [packet for packet in exchange.rtp if packet.type == 101]
    assert sum(packet.marker for packet in events) == (len(keys) * (1 + doubled) if marker else 0)
    assert sum(packet.payload[1] >> 7 for packet in events) == ends * len(keys) * (1 + doubled)
    assert len({packet.sequence for packet in events}) == len(events) // (1 + doubled)


def test_lost_packets_leave_holes_in_the_sequence_numbers():
    exchange, _, _ = press("12", Keying(lost=frozenset({0, 5, 6})))
    assert exchange.keys() == [("1", 100, True), ("2", 100, True)]
    sequences = [packet.sequence for packet in exchange.rtp]
    assert sorted((b - a) % 65536 for a, b in pairwise(sequences))[-4:] == [2, 2, 3, 3]


@pytest.mark.parametrize("wrong", [{"tone_ms": 0}, {"tone_ms": 8001}, {"gap_ms": -1}, {"end_packets": -1}])
def test_impossible_keying_is_refused(wrong):
    with pytest.raises(ValueError, match=r"cannot|pressed"):
        Keying(**wrong)


def test_only_keys_of_a_telephone_can_be_pressed():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            with pytest.raises(CallerError, match="dial first"):
                await call.press("1")
            await call.dial(URI)
            with pytest.raises(ValueError, match="'xй'"):
                await call.press("1xй")
            with pytest.raises(ValueError, match="no key"):
                await call.press("")
        exchange.close()

    world(test)


def test_keys_as_events_need_a_far_side_that_takes_them():
    async def test(loop: World):
        exchange = Exchange(loop, events=False)
        async with caller(loop) as call:
            await call.dial(URI)
            with pytest.raises(CallerError, match="takes no telephone-event"):
                await call.press("1")
        exchange.close()

    world(test)


def test_keys_by_info_carry_signal_and_duration():
    exchange, started, ended = press("1#", dtmf="info")
    assert (ended[0] - started[0], started[1] - ended[0]) == pytest.approx((0.1, 0.08), abs=0.003)
    bodies = [text.split("\r\n\r\n")[1] for text in exchange.requests if text.startswith("INFO")]
    assert bodies == ["Signal=1\r\nDuration=100\r\n", "Signal=#\r\nDuration=100\r\n"]
    assert "application/dtmf-relay" in exchange.requests[-2]
    assert "telephone-event" not in exchange.requests[0]


def powers(sound: np.ndarray) -> dict[int, float]:
    """Share of the sound's energy at each DTMF frequency."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8000)) ** 2
    return {
        hz: spectrum[hz - 25 : hz + 26].sum() / spectrum.sum() for hz in (697, 770, 852, 941, 1209, 1336, 1477, 1633)
    }


@pytest.mark.parametrize("codec", CODECS)
def test_keys_in_band_are_two_tones_of_the_right_length_over_the_voice(codec: CodecName):
    exchange, started, ended = press("4D", dtmf="inband", codec=codec)
    sound = [(packet.at, CODECS[codec].decode(packet.payload).astype(float)) for packet in exchange.rtp]
    loud = [at for at, samples in sound if np.abs(samples).max() > 1000]
    assert len(loud) == 10
    assert (loud[0], loud[4], loud[5]) == pytest.approx((started[0] + 0.001, ended[0] + 0.001, started[1] + 0.001))
    for hz, from_ in (((770, 1209), started[0]), ((941, 1633), started[1])):
        tone = np.concatenate([samples for at, samples in sound if from_ < at < from_ + 0.1])
        share = powers(tone)
        assert sum(share[each] for each in hz) > 0.98 and min(share[each] for each in hz) > 0.4
    assert all(packet.type != 101 for packet in exchange.rtp)


def test_tones_are_mixed_into_what_is_being_said():
    async def test(loop: World):
        exchange = Exchange(loop)
        voice = speech(5, 1.0) // 2
        async with caller(loop, dtmf="inband") as call:
            await call.dial(URI)
            began = loop.time()
            speaking = asyncio.create_task(call.play(voice))
            await asyncio.sleep(0.3)
            pressed = await call.press("1")
            await speaking
            assert loop.time() - began == pytest.approx(len(voice) / 8000, abs=0.021)
            await asyncio.sleep(0.1)
        received = np.concatenate([PCMA.decode(packet.payload) for packet in exchange.rtp]).astype(float)
        start = next(n for n, packet in enumerate(exchange.rtp) if packet.at > pressed.started) * FRAME
        expected = np.zeros(len(received))
        first = int(np.argmax(np.correlate(received[:4000], voice[400:2400].astype(float), "valid"))) - 400
        expected[first : first + len(voice)] += voice
        expected[start : start + 800] += tones("1", 100)
        error = np.sqrt(np.mean((received - expected) ** 2)) / np.sqrt(np.mean(expected**2))
        assert error < 0.03, "two G.711 roundings, no more"
        exchange.close()

    world(test)


def test_a_call_that_ends_while_we_speak_says_so():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            loop.call_later(0.25, exchange.ask, "BYE", 7)
            with pytest.raises(CallerError, match="the call ended meanwhile: the far side hung up"):
                await call.press("1234567890")
        exchange.close()

    world(test)


# What comes in


def test_what_was_heard_lies_on_a_wall_clock_time_line():
    async def test(loop: World):
        exchange = Exchange(loop)
        sound = speech(9, 0.5, lead=0, tail=0)
        async with caller(loop) as call:
            answered = await call.dial(URI)
            await asyncio.sleep(1.0)
            first = loop.time() + 0.001
            await exchange.play(PCMA.frames(sound))
            await asyncio.sleep(2.0)  # nothing is sent meanwhile, and the timestamps stand still
            second = loop.time() + 0.001
            await exchange.play(PCMA.frames(sound), gap=0.019)  # a sender in a hurry
            await asyncio.sleep(0.5)
            heard = call.audio()
            assert len(heard) == pytest.approx((loop.time() - answered.at) * 8000, abs=1)
            expected = np.zeros(len(heard), np.int16)
            for at in (first, second):
                place = round((at - answered.at) * 8000)
                expected[place : place + len(sound)] = PCMA.decode(PCMA.encode(sound))
            assert np.array_equal(heard, expected)
        exchange.close()

    world(test)


def test_repeated_reordered_lost_and_foreign_packets_are_counted():
    async def test(loop: World):
        exchange = Exchange(loop)
        frames = PCMA.frames(speech(1, 1.0))
        async with caller(loop) as call:
            await call.dial(URI)
            exchange.frame(frames[10], repeat=3)
            await asyncio.sleep(0.02)
            exchange.sequence += 3  # three are missing
            exchange.frame(frames[11])
            exchange.sequence -= 2  # one of them comes late
            exchange.frame(frames[12])
            exchange.sequence = 5
            exchange.frame(frames[13], type=13)
            exchange.frame(frames[14], source=100)  # another source: no loss, whatever its numbers
            stranger = loop.net.bind(exchange, ("127.0.0.1", 6000))
            stranger.sendto(b"\x80\x08" + b"\0" * 170, exchange.caller_media)
            stranger.close()
            exchange.media.sendto(b"\x80\xc8" + b"\0" * 26, exchange.caller_media)  # RTCP
            for garbage in (b"", b"\0" * 50, b"\x80", b"\x8f\x08" + b"\0" * 20, b"\xb0\x08" + b"\xff" * 20):
                exchange.media.sendto(garbage, exchange.caller_media)
            await asyncio.sleep(0.02)
            stats = call.stats
            assert (stats.received, stats.duplicate, stats.out_of_order, stats.lost) == (4, 2, 1, 2)
            assert (stats.other, stats.garbage) == (3, 5)
        exchange.close()

    world(test)


@given(st.binary(max_size=64))
def test_no_datagram_raises_anything_but_malformed(data: bytes):
    for packet in (data, b"\x80" + data, b"\xbf" + data):
        try:
            assert len(rtp.parse(packet).payload) <= len(packet)
        except Malformed:
            continue


def test_header_extension_padding_and_contributing_sources_are_skipped():
    packet = b"\xb1\x88\0\1\0\0\0\2\0\0\0\3" + b"CSRC" + b"\xbe\xde\0\1" + b"EXTN" + b"sound" + b"\0\0\3"
    assert rtp.parse(packet) == (8, 1, 2, 3, b"sound")


def test_nothing_received_is_no_number():
    assert math.isnan(rtp.TimeLine(PCMA, keep=True).last_audible)
