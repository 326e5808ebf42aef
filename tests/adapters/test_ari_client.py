"""The client: every request ends, every broken connection is replaced, silence is noticed."""

import asyncio
import json

import pytest
from fake_ari import APP, FakeAri, Fault, connected, in_loop, nothing, running

from ivr.asterisk.ari import ApplicationTaken, Ari, AriError, AriNotFound, AriUnreachable, Backoff
from ivr.asterisk.events import ChannelDtmfReceived, ChannelUserevent, event_filter


def ignore(_):
    pass


# --- requests ---


@in_loop
async def test_a_request_about_something_that_is_gone_says_so():
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as ari:
        with pytest.raises(AriNotFound) as gone:
            await ari.channels.hangup("nobody")
        assert (gone.value.status, gone.value.message) == (404, "Channel not found")
        assert "DELETE /channels/nobody" in str(gone.value)


@in_loop
async def test_a_refusal_carries_the_exchanges_own_words():
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as ari:
        asterisk.faults.append(Fault("DELETE /playbacks", status=500))
        with pytest.raises(AriError, match="500 'Internal Server Error' to DELETE /playbacks/x") as refused:
            await ari.playbacks.stop("x")
        assert not isinstance(refused.value, AriNotFound)


@in_loop
async def test_a_request_without_an_answer_ends_at_its_time_out_and_the_next_one_works():
    async with FakeAri() as asterisk, Ari(asterisk.settings(timeout=0.05)) as ari:
        asterisk.faults.append(Fault("GET /asterisk/info", stall=True))
        with pytest.raises(AriUnreachable, match="GET /asterisk/info"):
            await ari.asterisk.get_info()
        assert (await ari.asterisk.get_info()).version == "22.10.1"
        assert ari.counts["requests without answer"] == 1


@in_loop
async def test_an_asterisk_that_is_not_there_is_unreachable():
    async with FakeAri() as asterisk:
        settings = asterisk.settings()
    async with Ari(settings) as ari:
        with pytest.raises(AriUnreachable):
            await ari.applications.get()


@in_loop
async def test_an_answer_that_is_no_json_or_no_channel_is_asterisks_fault():
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as ari:
        channel = await asterisk.dial()
        asterisk.channels[channel].json = dict  # type: ignore[method-assign]
        with pytest.raises(AriError, match="unreadable"):
            await ari.channels.get(channel)


@in_loop
async def test_odd_characters_reach_asterisk_unharmed():
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as ari:
        channel = await asterisk.dial()
        await ari.channels.set_channel_var(channel, "IVR_BECAUSE", "три невдачі & 100 % +?#/,")
        assert asterisk.channels[channel].variables == {"IVR_BECAUSE": "три невдачі & 100 % +?#/,"}


# --- the socket ---


@in_loop
async def test_it_asks_for_the_events_that_it_knows_and_no_others():
    async with FakeAri() as asterisk, connected(asterisk, ignore):
        assert asterisk.filters[APP] == {one["type"] for one in event_filter()["allowed"]}


@in_loop
async def test_events_arrive_in_order_and_strange_frames_between_them_do_no_harm():
    heard = []
    async with FakeAri() as asterisk, connected(asterisk, heard.append) as ari:
        channel = await asterisk.dial()
        asterisk.channels[channel].watchers.add(APP)
        await asterisk.press(channel, "1")
        for frame in ("{", "null", '{"type":"Levitation"}', json.dumps({"type": "StasisEnd", "channel": 7})):
            await asterisk.say(frame)
        await asterisk.press(channel, "2")
        await asterisk.until(lambda: len(heard) == 3)
        assert [one.digit for one in heard if isinstance(one, ChannelDtmfReceived)] == ["1", "2"]
        assert ari.strangers.counts.total() == 4


@in_loop
async def test_a_frame_of_more_than_64_kilobytes_is_read():
    heard = []
    async with FakeAri() as asterisk, connected(asterisk, heard.append) as ari:
        channel = await asterisk.dial()
        asterisk.channels[channel].watchers.add(APP)
        await asterisk.say(json.dumps({"type": "Large", "text": "x" * 5_000_000}))
        await asterisk.press(channel, "1")
        await asterisk.until(lambda: len(heard) == 2)
        assert ari.counts["connections"] == 1


@in_loop
async def test_an_error_in_dealing_with_one_event_does_not_cost_the_next():
    heard = []

    def deal(event):
        heard.append(event)
        raise LookupError("ours")

    async with FakeAri() as asterisk, connected(asterisk, deal) as ari:
        await asterisk.dial()
        await asterisk.dial()
        await asterisk.until(lambda: len(heard) == 2)
        assert ari.counts["events mishandled"] == 2
        assert ari.ready


@in_loop
async def test_a_broken_connection_is_made_again_and_caught_up_with_before_it_counts_as_ready():
    async with FakeAri() as asterisk:
        gate = asyncio.Event()
        gate.set()
        async with connected(asterisk, ignore, gate.wait) as ari:  # type: ignore[arg-type]
            gate.clear()
            await asterisk.drop_sockets()
            await asterisk.until(lambda: not ari.ready)
            await asterisk.until(lambda: APP in asterisk.sockets)
            assert not ari.ready
            gate.set()
            await asterisk.until(lambda: ari.ready)
            assert ari.counts["connections"] == 2


@in_loop
async def test_a_polite_close_is_a_disconnect_too():
    async with FakeAri() as asterisk, connected(asterisk, ignore) as ari:
        await asterisk.sockets[APP].close()
        await asterisk.until(lambda: ari.counts["connections"] == 2 and ari.ready)


@in_loop
async def test_an_asterisk_that_refuses_for_a_while_is_asked_until_it_answers():
    async with FakeAri() as asterisk:
        asterisk.refusing = True
        async with Ari(asterisk.settings()) as ari, running(ari.run(ignore, nothing)):
            await asyncio.sleep(0)
            assert not ari.ready
            asterisk.refusing = False
            await asterisk.until(lambda: ari.ready)


@in_loop
async def test_a_wrong_password_says_what_to_check(caplog):
    async with (
        FakeAri() as asterisk,
        Ari(asterisk.settings(password="wrong")) as ari,
        running(ari.run(ignore, nothing)),
    ):
        await asterisk.until(lambda: "check the user and password against ari.conf" in caplog.text)
        assert not ari.ready
        assert "wrong" not in repr(ari.settings)


@in_loop
async def test_catching_up_that_fails_is_tried_again_on_a_new_connection():
    async with FakeAri() as asterisk:
        failures = [AriUnreachable("no"), KeyError("ours"), AriError(500, "x", "y")]

        async def catch_up():
            if failures:
                raise failures.pop()

        async with connected(asterisk, ignore, catch_up) as ari:
            assert ari.counts["connections"] == 4


@in_loop
async def test_who_hears_nothing_of_others_stays_ready_by_events_of_its_own_and_does_not_count_them():
    async with FakeAri() as asterisk, connected(asterisk, ignore, heartbeat=0.03) as ari:
        before = ari._heard_at
        await asterisk.until(lambda: ari._heard_at > before + 0.1)
        assert ari.ready
        assert (ari.counts["connections"], ari.counts["events"], ari.counts["deaf"]) == (1, 0, 0)


@in_loop
async def test_a_socket_that_was_accepted_but_is_told_nothing_is_replaced_before_anything_leans_on_it(caplog):
    caught_up_on = []
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as ari:
        asterisk.falls = [FakeAri.deactivate, FakeAri.forget, FakeAri.deactivate]

        async def catch_up():
            caught_up_on.append(ari.counts["connections"])

        async with running(ari.run(ignore, catch_up)):
            await asterisk.until(lambda: ari.counts["connections"] == 2)
            assert not ari.ready
            await asterisk.until(lambda: ari.ready)
            assert caught_up_on == [4]
            assert "the socket is open, but Asterisk sends our events nowhere" in caplog.text
            assert "is ARI enabled" not in caplog.text, "it is not the configuration's fault"


@in_loop
@pytest.mark.parametrize("fall", [FakeAri.deactivate, FakeAri.forget])
async def test_a_socket_that_goes_deaf_later_is_replaced_within_a_heartbeat(fall):
    heard = []
    async with FakeAri() as asterisk, connected(asterisk, heard.append, heartbeat=0.03) as ari:
        fall(asterisk)
        await asterisk.until(lambda: ari.counts["deaf"] == 1 and ari.ready)
        channel = await asterisk.dial()
        await asterisk.until(lambda: heard)
        assert heard[0].channel.id == channel


@in_loop
async def test_an_event_of_anybody_proves_that_events_flow_so_that_a_busy_socket_is_not_dropped():
    async with FakeAri() as asterisk, connected(asterisk, ignore, heartbeat=0.03, proof_timeout=0.2) as ari:
        asterisk.filters[APP].discard("ChannelUserevent")  # ours come too late
        while asterisk.requests.count("POST /events/user/proof") < 5:
            await bustle(asterisk, ari)
        assert (ari.ready, ari.counts["connections"]) == (True, 1)


@in_loop
async def test_requests_without_an_answer_prove_nothing_while_other_events_come():
    async with FakeAri() as asterisk, connected(asterisk, ignore, heartbeat=0.05, timeout=0.05) as ari:
        asterisk.faults.append(Fault("POST /events/user", stall=True, times=1000))
        while ari.counts["requests without answer"] < 4:
            await bustle(asterisk, ari)
        assert (ari.ready, ari.counts["connections"]) == (True, 1)


async def bustle(asterisk, ari):
    before = ari.counts["events"]
    await asterisk.dial()
    await asterisk.until(lambda: ari.counts["events"] > before)


@in_loop
async def test_an_asterisk_that_neither_answers_nor_tells_is_dead():
    async with FakeAri() as asterisk, connected(asterisk, ignore, heartbeat=0.03, timeout=0.05) as ari:
        asterisk.faults.append(Fault("", stall=True, times=1000))
        await asterisk.until(lambda: not ari.ready)
        asterisk.faults.clear()
        await asterisk.until(lambda: ari.counts["connections"] >= 2 and ari.ready)


@in_loop
async def test_user_events_of_others_are_handed_out():
    heard = []
    async with FakeAri() as asterisk, connected(asterisk, heard.append):
        await asterisk.tell(APP, "ChannelUserevent", eventname="bell", userevent={})
        await asterisk.until(lambda: heard)
        assert heard == [ChannelUserevent("bell")]


@in_loop
async def test_another_controller_of_our_name_ends_us_loudly():
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as first, Ari(asterisk.settings()) as second:
        task = asyncio.create_task(first.run(ignore, nothing))
        await asterisk.until(lambda: first.ready)
        async with running(second.run(ignore, nothing)):
            with pytest.raises(ApplicationTaken, match="Give every controller of one Asterisk a name of its own"):
                await task
            assert not first.ready
            before = len(asterisk.requests)
            with pytest.raises(ApplicationTaken):
                await first.channels.hangup("x")
            await asterisk.until(lambda: second.ready)
            assert "DELETE /channels/x" not in asterisk.requests[before:]


# --- back-off ---


def test_pauses_grow_to_the_longest_and_half_of_each_is_chance():
    least = [Backoff(first=1, longest=10, chance=lambda: 0.0).pause(attempt) for attempt in range(6)]
    most = [Backoff(first=1, longest=10, chance=lambda: 1.0).pause(attempt) for attempt in range(6)]
    assert least == [0.5, 1, 2, 4, 5, 5]
    assert most == [1, 2, 4, 8, 10, 10]


def test_the_millionth_attempt_has_a_pause_too():
    assert Backoff(chance=lambda: 1.0).pause(1_000_000) == 5.0


def test_a_clients_session_is_needed():
    async def misuse():
        async with FakeAri() as asterisk:
            await Ari(asterisk.settings()).asterisk.get_info()

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(misuse())
