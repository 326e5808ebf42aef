"""vCons keep the rules of the draft, and what breaks them does not leave."""

import base64
import copy
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import vcon
from recordings.vcon import Attached, Conversation, Key, NotAVcon, Sound, Transcript, check

AT = datetime(2026, 11, 22, 9, 0, 0, 250_000, tzinfo=UTC)
SOUND = Sound(b"RIFF and so on \xff\xfe", "audio/x-wav", "call.wav", 61.5)


def conversation(**more):
    given = {
        "call": "vm-1.7", "began": AT, "made": AT + timedelta(hours=1), "subject": "a call", "organisation": "DSO",
        "tel": "+380671234567", "people": None, "sound": SOUND, "masked": False,
    }  # fmt: skip
    return Conversation(**{**given, **more})


def full(**more):
    return conversation(
        people="agents", masked=True, keys=[Key(AT + timedelta(seconds=3), "1")],
        transcripts=[Transcript("vosk", "small-uk", "uk", [("немає", 1.0, 1.4, 0.9), ("світла", 1.5, 2.0, None)])],
        attached=[Attached("what happened", [{"at": 1.0, "kind": "key"}])], **more,
    )  # fmt: skip


def test_the_pinned_draft_is_named_where_it_matters():
    schema = json.loads(vcon.SCHEMA.read_text("utf-8"))

    assert vcon.DRAFT in schema["$comment"] and vcon.DRAFT in schema["$id"]
    assert schema["properties"]["vcon"] == {"const": vcon.VERSION}


def test_a_whole_vcon_keeps_the_rules():
    found = vcon.vcon(full())

    check(json.loads(vcon.written(full())))
    assert found["vcon"] == "0.4.0"
    assert found["created_at"] == "2026-11-22T10:00:00.25Z"
    assert [party["type"] for party in found["parties"]] == ["person", "bot", "organization"]
    [dialog] = found["dialog"]
    assert (dialog["type"], dialog["parties"], dialog["duration"]) == ("recording", [0, [1, 2]], 61.5)
    assert dialog["party_history"] == [
        {"party": 0, "time": "2026-11-22T09:00:03.25Z", "event": "keyup", "button": "1"}
    ]
    [analysis] = found["analysis"]
    assert (analysis["type"], analysis["vendor"], analysis["product"]) == ("transcript", "vosk", "small-uk")
    assert analysis["body"]["text"] == "немає світла"


def test_the_sound_comes_back_as_it_was_with_its_hash():
    [dialog] = vcon.vcon(conversation())["dialog"]

    assert base64.urlsafe_b64decode(dialog["body"] + "==") == SOUND.content
    digest = base64.urlsafe_b64encode(hashlib.sha512(SOUND.content).digest()).rstrip(b"=").decode()
    assert dialog["content_hash"] == f"sha512-{digest}"
    assert "=" not in dialog["body"]


@pytest.mark.parametrize("tel", [None, "+48221234567"])
def test_a_caller_without_a_number_is_a_party_all_the_same(tel):
    caller = vcon.vcon(conversation(tel=tel))["parties"][0]

    assert caller.get("tel") == (f"tel:{tel}" if tel else None)
    assert caller["type"] == "person"


def test_without_sound_there_is_a_dialog_without_content():
    [dialog] = vcon.vcon(conversation(sound=None))["dialog"]

    assert not {"body", "encoding", "mediatype", "content_hash", "duration"} & set(dialog)


def test_a_masked_one_names_what_it_is_a_copy_of():
    masked, whole = vcon.vcon(conversation(masked=True)), vcon.vcon(conversation(masked=False))

    assert masked["redacted"] == {"uuid": whole["uuid"], "type": "PII masked"}
    assert masked["uuid"] != whole["uuid"]
    assert "redacted" not in whole


moments = st.builds(lambda n: AT + timedelta(microseconds=n), st.integers(-(10**15), 10**15))


@given(st.text(min_size=1, max_size=80), moments)
def test_names_are_of_version_8_and_of_that_moment_and_stay_the_same(call, began):
    name = UUID(vcon.name(call, began, masked=True))

    assert (name.version, name.variant) == (8, "specified in RFC 4122")
    assert name.int >> 80 == (began - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert str(name) == vcon.name(call, began, masked=True)
    assert str(name) != vcon.name(call + "x", began, masked=True)


@given(moments)
def test_dates_are_read_as_they_were_written(at):
    found = vcon.vcon(conversation(made=at))["created_at"]

    assert datetime.fromisoformat(found) == at
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z", found), "no zeros at its end (RFC 8620, 1.4)"


BROKEN = {
    "no name": lambda v: v.pop("uuid"),
    "a name of version 4": lambda v: v.update(uuid="0f8fad5b-d9cb-469f-a165-70867728950e"),
    "another version": lambda v: v.update(vcon="0.3.0"),
    "no moment": lambda v: v.pop("created_at"),
    "a day for a moment": lambda v: v.update(created_at="2026-11-22"),
    "a moment without its zone": lambda v: v.update(created_at="2026-11-22T09:00:00"),
    "a parameter that nobody knows": lambda v: v.update(extra=1),
    "one of a party's that nobody knows": lambda v: v["parties"][0].update(account="1000000018"),
    "redacted and amended": lambda v: v.update(amended={"uuid": v["redacted"]["uuid"]}),
    "a redaction that doesn't say of what": lambda v: v["redacted"].pop("type"),
    "a telephone that is no address": lambda v: v["parties"][0].update(tel="0671234567"),
    "a dialog of no kind": lambda v: v["dialog"][0].pop("type"),
    "a dialog of an unknown kind": lambda v: v["dialog"][0].update(type="video"),
    "content without how it is encoded": lambda v: v["dialog"][0].pop("encoding"),
    "inline content of no media type": lambda v: v["dialog"][0].pop("mediatype"),
    "content that is not encoded": lambda v: v["dialog"][0].update(body="++//=="),
    "content inline and elsewhere": lambda v: v["dialog"][0].update(url="https://example.org/a.wav"),
    "content elsewhere without a hash": lambda v: (
        [v["dialog"][0].pop(key) for key in ("body", "encoding", "content_hash")]
        + [v["dialog"][0].update(url="https://example.org/a.wav")]
    ),
    "a hash of something else": lambda v: v["dialog"][0].update(content_hash=vcon.content_hash(b"else")),
    "a hash of an unknown kind": lambda v: v["dialog"][0].update(content_hash="sha256-abc"),
    "less than nothing of time": lambda v: v["dialog"][0].update(duration=-1),
    "a party that isn't there": lambda v: v["dialog"][0].update(parties=[0, 7]),
    "a key without its name": lambda v: v["dialog"][0]["party_history"][0].pop("button"),
    "a disposition of a recording": lambda v: v["dialog"][0].update(disposition="busy"),
    "recordings of a recording": lambda v: v["dialog"][0].update(recordings=[0]),
    "a transfer's party in a recording": lambda v: v["dialog"][0].update(transferee=0),
    "an incomplete dialog without a disposition": lambda v: v.update(dialog=[{"type": "incomplete"}]),
    "an incomplete dialog with content": lambda v: v["dialog"][0].update(type="incomplete", disposition="failed"),
    "an analysis by nobody": lambda v: v["analysis"][0].pop("vendor"),
    "an analysis of a dialog that isn't there": lambda v: v["analysis"][0].update(dialog=3),
    "an attachment of no dialog": lambda v: v["attachments"][0].pop("dialog"),
    "an attachment by nobody": lambda v: v["attachments"][0].pop("party"),
    "an attachment of a party that isn't there": lambda v: v["attachments"][0].update(party=9),
    "what JSON can't hold": lambda v: v["attachments"][0].update(body=float("nan")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_a_rule_is_refused(what):
    good = vcon.vcon(full())
    broken = copy.deepcopy(good)
    BROKEN[what](broken)

    check(good)
    with pytest.raises(NotAVcon):
        check(broken)


@pytest.mark.parametrize(
    "dialog",
    [
        {"type": "incomplete", "disposition": "no-answer", "parties": [0, 1]},
        {"type": "transfer", "transferee": 0, "transferor": 1, "original": 0},
        {"type": "recording"},
        {"type": "text", "parties": 0, "mediatype": "text/plain", "encoding": "none", "body": "так"},
        {
            "type": "recording", "url": "https://example.org/a.wav", "content_hash": vcon.content_hash(b"x"),
            "parties": [0, None],
        },
    ],
    ids=["incomplete", "transfer", "placeholder", "text", "elsewhere"],
)  # fmt: skip
def test_other_dialogs_of_the_draft_are_no_less_valid(dialog):
    found = vcon.vcon(conversation())
    check({**found, "dialog": [found["dialog"][0], dialog]})


def test_a_fault_says_where_it_is_and_not_all_of_the_sound():
    found = vcon.vcon(conversation(sound=Sound(b"\xff" * 50_000, "audio/x-wav", "a.wav", 1.0)))
    found["dialog"][0]["body"] += "="

    with pytest.raises(NotAVcon, match=r"\$\.dialog\[0\]\.body") as told:
        check(found)
    assert len(str(told.value)) < 300
