"""The scripted caller's signalling against an exchange with a memory, in a world without waiting."""

import asyncio

import pytest
from sip_world import Exchange, World, speech, world

from ivr.simulator.caller import Caller, CallerError, CallFailed, NotHungUp
from ivr.simulator.hearing import PromptIndex

URI = "sip:700@127.0.0.1:5060"
INDEX = PromptIndex({("uk", "greeting"): speech(1, 1.0)})


def caller(loop: World, **options) -> Caller:
    return Caller(INDEX, from_user="rfc4733", clock=loop.time, **options)


def test_a_call_is_answered_and_hung_up_by_us():
    async def test(loop: World):
        exchange = Exchange(loop, [(0.0, "100 Trying"), (0.1, "180 Ringing"), (2.0, "200 OK")])
        async with caller(loop, from_number="+380501112233", display='O"K') as call:
            answered = await call.dial(URI)
            assert answered.at - answered.dialled == pytest.approx(2.002)
        assert call.hangup is not None and call.hangup.by == "us"
        assert [line.split(" ")[0] for line in exchange.log if line[0] != ">"] == ["INVITE", "ACK", "BYE"]
        assert exchange.header("INVITE", "From").startswith('"O\\"K" <sip:rfc4733@127.0.0.1>;tag=')
        assert exchange.header("INVITE", "P-Asserted-Identity") == '"O\\"K" <sip:+380501112233@127.0.0.1>'
        assert exchange.header("ACK", "To").endswith(";tag=far")
        assert exchange.requests[-1].startswith("BYE sip:far@127.0.0.1:5060 ")
        exchange.close()

    world(test)


def test_a_caller_without_a_number_shows_none():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
        assert exchange.header("INVITE", "P-Asserted-Identity") is None
        exchange.close()

    world(test)


@pytest.mark.parametrize("status", ["302 Moved Temporarily", "401 Unauthorized", "486 Busy Here", "603 Decline"])
def test_a_refusal_says_why_and_is_acknowledged(status: str):
    async def test(loop: World):
        reason = 'Reason: Q.850;cause=17;text="busy"\r\nContact: <sip:elsewhere@127.0.0.1>\r\n'
        exchange = Exchange(loop, [(0.1, status)], headers=reason)
        async with caller(loop) as call:
            with pytest.raises(CallFailed) as failed:
                await call.dial(URI)
        assert (failed.value.status, failed.value.cause) == (int(status[:3]), 17)
        assert ("sip:elsewhere" in str(failed.value)) == status.startswith("3")
        await asyncio.sleep(0.01)
        assert exchange.count("ACK") == 1
        assert exchange.header("ACK", "Via") == exchange.header("INVITE", "Via")
        exchange.close()

    world(test)


def test_requests_are_repeated_until_they_are_answered():
    async def test(loop: World):
        lost = {b"INVITE": 2, b"BYE": 1}

        def copies(data: bytes) -> int:
            method = data.split(b" ")[0]
            lost[method] = lost.get(method, 0) - 1
            return 0 if lost[method] >= 0 else 1

        loop.net.copies = copies
        exchange = Exchange(loop)
        async with caller(loop) as call:
            answered = await call.dial(URI)
            assert answered.at - answered.dialled == pytest.approx(0.5 + 1.0 + 0.102)
        assert exchange.count("BYE") == 1
        exchange.close()

    world(test)


def test_a_repeated_answer_is_acknowledged_each_time_with_the_same_ack():
    async def test(loop: World):
        exchange = Exchange(loop, [(0.1, "200 OK"), (0.6, "200 OK"), (1.6, "200 OK")])
        async with caller(loop) as call:
            await call.dial(URI)
            await asyncio.sleep(2)
        assert exchange.count("ACK") == 3
        acks = {text for text in exchange.requests if text.startswith("ACK")}
        assert len(acks) == 1
        exchange.close()

    world(test)


def test_silence_and_a_closed_port_end_in_a_failed_call():
    async def test(loop: World):
        exchange = Exchange(loop, [])
        async with caller(loop) as call:
            with pytest.raises(CallFailed, match=r"no response to INVITE.* in 32 s"):
                await call.dial(URI, timeout=60)
        assert exchange.count("INVITE") == 7
        exchange.close()
        async with caller(loop) as call:
            with pytest.raises(CallFailed, match="nothing listens there"):
                await call.dial(URI)

    world(test)


def test_ringing_longer_than_we_wait_is_cancelled():
    async def test(loop: World):
        exchange = Exchange(loop, [(0.0, "180 Ringing")])
        async with caller(loop) as call:
            with pytest.raises(CallFailed, match="no answer in 5 s, last word: 180 Ringing"):
                await call.dial(URI, timeout=5)
        await asyncio.sleep(0.01)
        assert [line.split(" ")[0] for line in exchange.log if line[0] != ">"] == ["INVITE", "CANCEL", "ACK"]
        assert exchange.header("CANCEL", "Via") == exchange.header("INVITE", "Via")
        exchange.close()

    world(test)


def test_a_cancelled_task_takes_the_call_back_but_not_before_the_first_response():
    async def test(loop: World):
        exchange = Exchange(loop, [(0.4, "100 Trying"), (9.0, "200 OK")])
        call = caller(loop)
        dialling = asyncio.create_task(call.dial(URI))
        await asyncio.sleep(0.1)
        dialling.cancel()
        await asyncio.sleep(0.2)
        assert exchange.count("CANCEL") == 0
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await asyncio.sleep(0.01)
        assert exchange.count("CANCEL") == 1 and exchange.count("ACK") == 1
        exchange.close()

    world(test)


def test_an_answer_that_crosses_the_cancel_is_hung_up():
    async def test(loop: World):
        exchange = Exchange(loop, [(0.0, "180 Ringing"), (1.0, "200 OK")])
        call = caller(loop)
        with pytest.raises(CallFailed):
            await call.dial(URI, timeout=1.0005)
        assert exchange.count("ACK") >= 1 and exchange.count("BYE") == 1
        exchange.close()

    world(test)


def test_the_far_side_hangs_up_and_says_why():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            with pytest.raises(NotHungUp, match="not one RTP packet"):
                await call.hung_up(timeout=1)
            for _ in range(3):  # its repetitions are answered and change nothing
                exchange.ask("BYE", 5, 'Reason: Q.850;cause=16;text="Normal Clearing"\r\n')
                hangup = await call.hung_up(timeout=1)
                await asyncio.sleep(0.5)
            assert (hangup.by, hangup.cause, hangup.text) == ("them", 16, "Normal Clearing")
            assert exchange.count("SIP/2.0 200 OK") == 3
            with pytest.raises(CallerError, match=r"Q\.850 16 Normal Clearing"):
                await call.press("1")
        assert exchange.count("BYE") == 0, "who was hung up on does not hang up"
        exchange.close()

    world(test)


def test_a_re_invite_puts_on_hold_and_its_answer_is_repeated_until_acknowledged():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            await asyncio.sleep(0.1)
            body = exchange.description("sendonly")
            exchange.ask("INVITE", 9, "Contact: <sip:far@127.0.0.1:5060>\r\n", body)
            await asyncio.sleep(0.6)
            assert exchange.count("SIP/2.0 200 OK") == 2, "once more after T1"
            exchange.ask("ACK", 9)
            await asyncio.sleep(0.01)
            sent = len(exchange.rtp)
            await asyncio.sleep(2)
            assert exchange.count("SIP/2.0 200 OK") == 2
            assert len(exchange.rtp) == sent, "whoever is on hold says nothing"
            with pytest.raises(CallerError, match="on hold"):
                await call.press("1")
            exchange.ask("INVITE", 10, "", exchange.description())
            await asyncio.sleep(0.01)
            exchange.ask("ACK", 10)
            await call.press("1")
            await asyncio.sleep(0.01)
            assert exchange.keys() == [("1", 100, True)]
        exchange.close()

    world(test)


def test_what_belongs_to_no_dialog_of_ours_or_is_unknown_is_refused():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            exchange.ask("OPTIONS", 3)
            exchange.ask("UPDATE", 4)
            ours, exchange.invite = exchange.invite, exchange.invite.replace("Call-ID: ", "Call-ID: not-")
            exchange.ask("BYE", 5)
            exchange.invite = ours
            await asyncio.sleep(0.01)
            answers = [line for line in exchange.log if line.startswith("SIP/2.0")]
            assert [int(line.split()[1]) for line in answers] == [200, 405, 481]
            assert call.hangup is None
        exchange.close()

    world(test)


def test_garbage_on_the_signalling_port_is_dropped():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with caller(loop) as call:
            await call.dial(URI)
            for data in (b"", b"\r\n\r\n", b"\x00\xff" * 40, b"BYE sip:x SIP/2.0\r\n\r\n", b"SIP/2.0 2 OK\r\n\r\n"):
                exchange.sip.sendto(data, exchange.caller)
            await asyncio.sleep(0.1)
            assert call.hangup is None
        exchange.close()

    world(test)


def test_an_answer_without_usable_audio_fails_the_call_and_hangs_up():
    async def test(loop: World):
        exchange = Exchange(loop, sdp="v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 5062 RTP/AVP 3\r\n")
        async with caller(loop) as call:
            with pytest.raises(CallFailed, match="no PCMA"):
                await call.dial(URI)
        assert exchange.count("BYE") == 1
        exchange.close()

    world(test)


def test_only_this_machine_is_called_unless_told_otherwise():
    async def test(loop: World):
        for uri in ("sip:112@192.0.2.1", "sip:112@192.0.2.1:5060;transport=udp"):
            with pytest.raises(ValueError, match="beyond_loopback"):
                await caller(loop).dial(uri)
        with pytest.raises(ValueError, match="not a SIP URI"):
            await caller(loop).dial("700")

    world(test)


def test_a_route_that_was_recorded_is_taken_back_in_reverse():
    async def test(loop: World):
        exchange = Exchange(loop, headers="Record-Route: <sip:a;lr>, <sip:b;lr>\r\nRecord-Route: <sip:c;lr>\r\n")
        async with caller(loop) as call:
            await call.dial(URI)
        routes = [line for line in exchange.requests[-1].split("\r\n") if line.startswith("Route:")]
        assert routes == ["Route: <sip:c;lr>", "Route: <sip:b;lr>", "Route: <sip:a;lr>"]
        exchange.close()

    world(test)
