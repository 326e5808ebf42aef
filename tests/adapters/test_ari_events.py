"""What Asterisk says becomes ours at the border; what we don't know is noted and does no harm."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk import events
from ivr.asterisk.causes import cause_of
from ivr.asterisk.events import Strangers, read
from ivr.asterisk.line import began
from ivr.ports import Cause

CHANNEL = {
    "id": "hotline-1795289178.1",
    "name": "PJSIP/trunk-00000001",
    "state": "Up",
    "caller": {"name": "", "number": "0671234567"},
    "dialplan": {
        "context": "call",
        "exten": "s",
        "priority": 6,
        "app_name": "StasisBroadcast",
        "app_data": "700,^ivr-,0800505050:067 123 45 67",
    },
    "creationtime": "2026-11-21T19:26:18.710+0000",
}
ENVELOPE = {"timestamp": "2026-11-21T19:26:19.217+0200", "application": "ivr-one", "asterisk_id": "02:fc"}


def event(name, **fields):
    return json.dumps({"type": name, **ENVELOPE, **fields})


def test_every_event_that_we_ask_for_is_read():
    strangers = Strangers()
    playback = {"id": "p", "media_uri": "sound:ivr/a", "target_uri": "channel:x", "state": "done"}
    for wanted in events.event_filter()["allowed"]:
        fields = {
            "channel": CHANNEL,
            "args": ["0800", ""],
            "digit": "5",
            "duration_ms": 80,
            "cause": 16,
            "eventname": "x",
        }
        found = read(event(wanted["type"], playback=playback, **fields), strangers)
        assert type(found).__name__ == wanted["type"]
    assert not strangers.counts


def test_a_start_carries_what_the_dialplan_passed_and_whom_it_replaces():
    found = read(event("StasisStart", channel=CHANNEL, args=["0800", ""], replace_channel=CHANNEL), Strangers())
    assert isinstance(found, events.StasisStart)
    assert (found.args, found.replaces) == (("0800", ""), "hotline-1795289178.1")


def test_a_time_is_utc_whatever_zone_asterisk_writes():
    found = read(event("ChannelDestroyed", channel=CHANNEL, cause=16), Strangers())
    assert isinstance(found, events.ChannelDestroyed)
    assert found.at == datetime(2026, 11, 21, 17, 26, 19, 217000, UTC)
    assert found.at.tzinfo is UTC


def test_only_the_far_ends_hang_up_lacks_softness():
    far = read(event("ChannelHangupRequest", channel=CHANNEL, cause=16), Strangers())
    ours = read(event("ChannelHangupRequest", channel=CHANNEL, cause=32, soft=True), Strangers())
    assert isinstance(far, events.ChannelHangupRequest)
    assert isinstance(ours, events.ChannelHangupRequest)
    assert (far.soft, ours.soft) == (False, True)


def test_an_unknown_event_is_logged_once_and_counted_always(caplog):
    strangers = Strangers()
    for _ in range(3):
        assert read(event("ChannelLevitated", channel=CHANNEL), strangers) is None
    assert strangers.counts["event type", "ChannelLevitated"] == 3
    assert len([one for one in caplog.records if "ChannelLevitated" in one.getMessage()]) == 1


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", "7", '"x"', "null", '{"type": null}', '{"type": []}', '{"type":"StasisEnd"}']
)
def test_a_frame_that_is_no_event_is_noted(frame):
    strangers = Strangers()
    assert read(frame, strangers) is None
    assert strangers.counts.total() == 1


@given(st.text() | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_no_frame_whatsoever_is_fatal(frame):
    assert read(frame, Strangers()) is None


@given(
    st.sampled_from([one["type"] for one in events.event_filter()["allowed"]]),
    st.recursive(
        st.none() | st.integers() | st.text() | st.sampled_from(["channel", "id", "2026-11-21T19:26:18.710+0000"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "caller", "number", "dialplan", "context", "exten", "target_uri"]), inner
            )
        ),
        max_leaves=12,
    ),
)
def test_no_wanted_event_with_a_strange_body_is_fatal(name, body):
    read(event(name, channel=body, playback=body, args=body, digit=body, replace_channel=body), Strangers())


def test_a_flood_of_different_strangers_does_not_fill_the_memory():
    strangers = Strangers(room=10)
    for number in range(1000):
        strangers.note("event type", f"Event{number}")
    assert len(strangers.counts) == 11
    assert strangers.counts["event type", "..."] == 990


def test_how_a_call_came_in_is_the_same_from_the_start_and_from_an_adoption():
    channel = events.channel(CHANNEL)
    at_start, adopted = began(channel, ("0800505050", "067 123 45 67")), began(channel)
    assert at_start == adopted
    assert (at_start.call, at_start.caller, at_start.dialled) == (
        "hotline-1795289178.1",
        "+380671234567",
        "0800505050",
    )
    assert at_start.at == datetime(2026, 11, 21, 19, 26, 18, 710000, UTC)


def test_a_withheld_number_stays_withheld_even_if_the_network_knows_it():
    assert began(events.channel(CHANNEL), ("0800505050", "")).caller is None


def test_a_dialplan_that_passes_nothing_leaves_extension_and_caller_id():
    plain = events.channel(CHANNEL | {"dialplan": CHANNEL["dialplan"] | {"app_data": "700,^ivr-", "exten": "0800"}})
    assert (began(plain).dialled, began(plain).caller) == ("0800", "+380671234567")


def test_causes_become_our_words_and_unknown_ones_are_noted():
    strangers = Strangers()
    assert cause_of(16, strangers) is Cause.CALLER
    assert cause_of(16, strangers, ours=True) is Cause.US
    assert cause_of(44, strangers, ours=True) is Cause.FAULT
    assert not strangers.counts
    assert cause_of(999, strangers) is Cause.UNKNOWN
    assert strangers.counts["hang-up cause", "999"] == 1
