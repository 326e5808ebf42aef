"""What the scripted caller reads and writes: SIP messages and session descriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.simulator import sdp, sip

INVITE = (
    b"INVITE sip:caller@127.0.0.1:40000 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKtop\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKbelow\r\n"
    b'f: "A; tag=quoted" <sip:a@x;tag=inside>\r\n\t;tag=theirs\r\n'
    b"t: <sip:b@y>\r\ni: 1@x\r\nCSEQ: 17 INVITE\r\nl: 3\r\n\r\nabcdef"
)


def test_compact_names_folded_lines_and_a_body_longer_than_announced_are_read():
    message = sip.parse(INVITE)
    assert isinstance(message, sip.Request)
    assert (message.method, message.sequence, message.sequence_method) == ("INVITE", 17, "INVITE")
    assert message.branch == "z9hG4bKtop" and len(message.all("VIA")) == 2
    assert sip.parameter(message.get("from"), "tag") == "theirs"
    assert message.body == b"abc"


def test_what_is_written_can_be_read():
    message = sip.parse(INVITE)
    assert sip.parse(message.encode().replace(b"content-length: 3\r\n", b"")) is not None
    response = sip.Response(
        status=486,
        reason="Busy Here",
        headers=[(name, message.get(name)) for name in ("via", "from", "to", "call-id", "cseq")],
        body="пошта".encode(),
    )
    again = sip.parse(response.encode())
    assert isinstance(again, sip.Response)
    assert (again.status, again.reason, again.body) == (486, "Busy Here", "пошта".encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" SIP/2.0", b" HTTP/1.1"),
        (b"t: <sip:b@y>\r\n", b""),
        (b"17 INVITE", b"INVITE"),
        (b"17 INVITE", "٣ INVITE".encode()),
        (b"l: 3", b"l: 3000"),
        (b"l: 3", b"l: -3"),
        (b"i: 1@x", b"no colon here"),
    ],
)
def test_a_broken_message_is_the_senders_fault(old: bytes, new: bytes):
    with pytest.raises(sdp.Malformed):
        sip.parse(INVITE.replace(old, new, 1))


@given(st.binary(max_size=400))
def test_no_datagram_raises_anything_but_malformed(data: bytes):
    try:
        sip.parse(data)
    except sdp.Malformed:
        return
    pytest.fail("random bytes are no SIP message")


@given(st.data())
def test_no_damage_to_a_message_raises_anything_but_malformed(data: st.DataObject):
    at = data.draw(st.integers(0, len(INVITE) - 1))
    length = data.draw(st.integers(0, 20))
    damaged = INVITE[:at] + data.draw(st.binary(max_size=20)) + INVITE[at + length :]
    try:
        message = sip.parse(damaged)
    except sdp.Malformed:
        return
    assert message.sequence >= 0 and message.sequence_method
    sip.q850(message)
    sip.bare_uri(message.get("from"))


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ('Reason: Q.850;cause=17;text="User busy"', (17, "User busy")),
        ('Reason: SIP;cause=200;text="OK"\r\nReason: Q.850 ;cause=16', (16, "")),
        ("X-Asterisk-HangupCause: Normal Clearing\r\nX-Asterisk-HangupCauseCode: 16", (16, "Normal Clearing")),
        ("Reason: Q.850;cause=many", (None, "")),
        ("Subject: none", (None, "")),
    ],
)
def test_the_cause_of_a_hang_up_is_read_where_it_is_stated(header: str, cause: tuple[int | None, str]):
    assert sip.q850(sip.parse(INVITE.replace(b"l: 3\r\n", header.encode() + b"\r\n"))) == cause


OFFER = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\na=sendonly\r\nt=0 0\r\n"
    "m=video 6000 RTP/AVP 31\r\nc=IN IP4 10.9.9.9\r\na=inactive\r\n"
    "m=audio 5000/2 RTP/AVP 8 96 0\r\nc=IN IP4 10.0.0.7\r\na=rtpmap:96 telephone-event/8000\r\n"
    "m=audio 7000 RTP/AVP 0\r\nc=IN IP4 10.8.8.8\r\n"
)


def test_the_first_audio_stream_is_taken_and_no_other():
    media = sdp.parse(OFFER.encode())
    assert (media.host, media.port, media.formats) == ("10.0.0.7", 5000, (8, 96, 0))
    assert media.payload_type("telephone-event") == 96 and media.payload_type("pcmu") == 0
    assert media.payload_type("opus") is None


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("a=sendonly", "recvonly"),
        ("a=recvonly", "sendonly"),
        ("a=inactive", "inactive"),
        ("a=sendrecv", "sendrecv"),
        ("c=IN IP4 0.0.0.0", "inactive"),
    ],
)
def test_hold_is_answered_by_its_mirror(line: str, answer: str):
    assert sdp.parse(f"v=0\r\nc=IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 8\r\n{line}\r\n".encode()).answer == answer


@pytest.mark.parametrize(
    "body", [b"", b"v=0\r\nm=audio x RTP/AVP 8", b"m=audio 99999 RTP/AVP 8", b"m=audio", b"m=audio 4 RTP/AVP pcma"]
)
def test_a_description_without_readable_audio_is_malformed(body: bytes):
    with pytest.raises(sdp.Malformed):
        sdp.parse(body)


@given(st.binary(max_size=200))
def test_no_description_raises_anything_but_malformed(body: bytes):
    for data in (body, b"m=audio 4000 RTP/AVP 8\r\n" + body):
        try:
            media = sdp.parse(data)
        except sdp.Malformed:
            continue
        assert media.answer in ("sendrecv", "sendonly", "recvonly", "inactive")


def test_our_own_description_is_understood():
    body = sdp.build("127.0.0.1", 4000, codec="PCMA", payload_type=8, events=96, session=1, version=2)
    media = sdp.parse(body)
    assert media.payload_type("PCMA") == 8 and media.payload_type("telephone-event") == 96
    assert sdp.parse(
        sdp.build("127.0.0.1", 4000, codec="PCMU", payload_type=0, events=None, session=1, version=2)
    ).formats == (0,)
