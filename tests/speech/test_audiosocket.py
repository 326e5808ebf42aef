"""AudioSocket frames, however the network cuts them."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.audiosocket import AUDIO, HANGUP, ID, Frames, NotAudioSocket, frame

WHO = UUID(int=7)
KINDS = st.sampled_from([AUDIO, 0x03, 0x12, 0xFF])


@given(st.lists(st.tuples(KINDS, st.binary(max_size=400))), st.lists(st.integers(1, 500)))
def test_audio_comes_out_whole_and_in_order_and_nothing_else_does(sent, cuts):
    stream = frame(ID, WHO.bytes) + b"".join(frame(*one) for one in sent)
    frames, out = Frames(), b""
    for size in (*cuts, len(stream)):
        out += frames.feed(stream[:size])
        stream = stream[size:]

    assert frames.id == WHO
    assert out == b"".join(data[: len(data) & ~1] for kind, data in sent if kind == AUDIO)
    assert not frames.ended


def test_a_hang_up_is_the_end():
    frames = Frames()
    frames.feed(frame(ID, WHO.bytes) + frame(HANGUP, b""))

    assert frames.ended


@pytest.mark.parametrize("first", [frame(AUDIO, bytes(320)), b"GET / HTTP/1.1\r\n", frame(ID, b"short")])
def test_a_stream_that_does_not_begin_with_an_id_is_refused(first):
    with pytest.raises(NotAudioSocket):
        Frames().feed(first)
