"""A call as a vCon: JSON that other systems for conversations understand.

Pinned: draft-ietf-vcon-vcon-core-04 of the IETF's vcon working group (7 September 2026), syntax version 0.4.0, the
unsigned form.  It is work in progress; a newer draft is a change of this module and of `vcon.schema.json`, which
says what we hold ourselves to.  Nothing leaves here that the schema refuses.

Rules
1. One recording of two channels is one dialog with one party for each channel (4.3.4): the caller, then the hotline.
2. Sound is inline, as base64url (2.3), with its SHA-512 (2.2) although only external content must have one.
3. A masked copy says so (`redacted`, 4.1.8), and of what it is one; the two have different names.
4. The name (uuid, 4.1.2) is of version 8: the time of the call, and 62 bits of the SHA-1 of a host name below ours
   that is made of the call's id and of how much is shown.  So the same copy of the same call has the same name.

Not done: signing (5.2), which needs a certificate of the company's.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

DRAFT: Final = "draft-ietf-vcon-vcon-core-04"
VERSION: Final = "0.4.0"
MEDIA: Final = "application/vcon"
SUFFIX: Final = ".vcon.json"
HOST: Final = "hotline.invalid"
"""Of names, where the company has given none."""
CALLER, HOTLINE = 0, 1
"""Places of the parties that every call has."""
SCHEMA: Final = Path(__file__).with_name("vcon.schema.json")


class NotAVcon(Exception):
    """It breaks the draft's rules: our mistake.  The message names the place and the rule."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The recording.  media: its media type.  seconds: its length."""

    content: bytes
    media: str
    filename: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a machine wrote down.  vendor, product: of the engine and its model.  words: (word, from, to, confidence);
    seconds of the recording."""

    vendor: str
    product: str
    language: str
    words: Sequence[tuple[str, float, float, float | None]]


@dataclass(frozen=True, slots=True)
class Attached:
    """Something that belongs to the call, as JSON.  purpose: what it is."""

    purpose: str
    content: Any


@dataclass(frozen=True, slots=True)
class Key:
    """The caller let go of a key at this moment."""

    at: datetime
    button: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a vCon is made from.  tel: of the caller, E.164, None where it is hidden or withheld.

    people: the caller was handed over to them.  masked: personal data is hidden in all of it.
    """

    call: str
    began: datetime
    made: datetime
    subject: str
    organisation: str
    tel: str | None
    people: str | None
    sound: Sound | None
    keys: Sequence[Key] = ()
    transcripts: Sequence[Transcript] = ()
    attached: Sequence[Attached] = ()
    masked: bool = True
    host: str = HOST


def vcon(conversation: Conversation) -> dict[str, Any]:
    """The vCon, which keeps the rules.  Raises NotAVcon."""
    them = conversation
    found: dict[str, Any] = {
        "vcon": VERSION,
        "uuid": name(them.call, them.began, masked=them.masked, host=them.host),
        "created_at": _date(them.made),
        "subject": them.subject,
        "parties": _parties(them),
        "dialog": [_dialog(them)],
    }
    if them.masked:
        whole = name(them.call, them.began, masked=False, host=them.host)
        found["redacted"] = {"uuid": whole, "type": "PII masked"}
    if them.transcripts:
        found["analysis"] = [_analysis(each) for each in them.transcripts]
    if them.attached:
        found["attachments"] = [_attachment(each, them.began) for each in them.attached]
    check(found)
    return found


def written(conversation: Conversation) -> bytes:
    """The same as a file.  Raises NotAVcon."""
    return json.dumps(vcon(conversation), ensure_ascii=False, indent=1).encode()


def check(found: Mapping[str, Any]) -> None:
    """Raises NotAVcon unless it keeps the rules: the schema's, and those between its parts."""
    if fault := next(_validator().iter_errors(found), None):
        raise NotAVcon(f"{fault.json_path}: {_short(fault.message)}")
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError) as fault:
        raise NotAVcon(f"it can't be written as JSON: {fault}") from fault
    parties, dialogs, attachments = (len(found.get(part, ())) for part in ("parties", "dialog", "attachments"))
    for where, index, there in _indices(found, parties, dialogs, attachments):
        if not 0 <= index < there:
            raise NotAVcon(f"{where}: there is no {index}")
    for n, each in enumerate(found.get("dialog", ())):
        if each.get("encoding") == "base64url" and "content_hash" in each:
            given = each["content_hash"] if isinstance(each["content_hash"], list) else [each["content_hash"]]
            if content_hash(unbase64url(each["body"])) not in given:
                raise NotAVcon(f"$.dialog[{n}].content_hash: the body is another")


def name(call: str, began: datetime, *, masked: bool, host: str = HOST) -> str:
    """The UUID of the masked or the whole copy of a call."""
    of = hashlib.sha256(call.encode()).hexdigest()[:32]
    full = f"{of}.{'masked' if masked else 'whole'}.{host}"
    rand = int.from_bytes(hashlib.sha1(full.encode()).digest()[:8]) >> 2  # noqa: S324 (4.1.2 wants it; it hides nothing)
    sub = int.from_bytes(hashlib.sha256(full.encode()).digest()[:2]) >> 4
    milliseconds = (began - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return str(UUID(int=milliseconds << 80 | 8 << 76 | sub << 64 | 2 << 62 | rand))


def content_hash(content: bytes) -> str:
    """As section 2.2 writes it."""
    return f"sha512-{base64url(hashlib.sha512(content).digest())}"


def base64url(content: bytes) -> str:
    """RFC 7515, section 2: without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """The inverse."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _parties(them: Conversation) -> list[dict[str, Any]]:
    caller: dict[str, Any] = {"type": "person", "uuid": "caller"}
    if them.tel:
        caller |= {"tel": f"tel:{them.tel}", "validation": "caller id of the network"}
    hotline = {"type": "bot", "name": "IVR", "org": them.organisation, "uuid": "hotline"}
    people = [{"type": "organization", "org": them.organisation, "dept": them.people}] if them.people else []
    return [caller, hotline, *people]


def _dialog(them: Conversation) -> dict[str, Any]:
    ours: int | list[int] = [HOTLINE, HOTLINE + 1] if them.people else HOTLINE
    found: dict[str, Any] = {
        "type": "recording",
        "start": _date(them.began),
        "parties": [CALLER, ours],
        "application": "telephone hotline (IVR)",
    }
    if them.sound:
        found |= {
            "duration": round(them.sound.seconds, 3),
            "mediatype": them.sound.media,
            "filename": them.sound.filename,
            "encoding": "base64url",
            "body": base64url(them.sound.content),
            "content_hash": content_hash(them.sound.content),
        }
    if them.keys:
        found["party_history"] = [
            {"party": CALLER, "time": _date(key.at), "event": "keyup", "button": key.button} for key in them.keys
        ]
    return found


def _analysis(each: Transcript) -> dict[str, Any]:
    words = [
        {"word": word, "start": round(began, 2), "end": round(ended, 2), "confidence": sure}
        for word, began, ended, sure in each.words
    ]
    return {
        "type": "transcript",
        "dialog": 0,
        "mediatype": "application/json",
        "vendor": each.vendor,
        "product": each.product,
        "schema": "hotline-words-1",
        "encoding": "json",
        "body": {
            "language": each.language,
            "party": CALLER,
            "text": " ".join(word for word, *_ in each.words),
            "words": words,
        },
    }


def _attachment(each: Attached, began: datetime) -> dict[str, Any]:
    return {
        "purpose": each.purpose,
        "start": _date(began),
        "party": HOTLINE,
        "dialog": 0,
        "mediatype": "application/json",
        "encoding": "json",
        "body": each.content,
    }


def _date(at: datetime) -> str:
    """RFC 3339, with the upper-case letters and without the zeros that section 1.4 of JMAP (RFC 8620) wants."""
    text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return re.sub(r"\.?0+$", "", text[19:]).join((text[:19], "Z"))


def _indices(found: Mapping[str, Any], parties: int, dialogs: int, attachments: int) -> list[tuple[str, int, int]]:
    """(where, the index that stands there, how many there are)."""
    there: list[tuple[str, Any, int]] = []
    for n, each in enumerate(found.get("dialog", ())):
        there.append((f"$.dialog[{n}].parties", each.get("parties"), parties))
        there += [(f"$.dialog[{n}].party_history", one["party"], parties) for one in each.get("party_history", ())]
        there += [(f"$.dialog[{n}].{key}", each.get(key), parties) for key in _OF_PARTIES]
        there += [(f"$.dialog[{n}].{key}", each.get(key), dialogs) for key in _OF_DIALOGS]
    for n, each in enumerate(found.get("analysis", ())):
        there.append((f"$.analysis[{n}].dialog", each.get("dialog"), dialogs))
        there.append((f"$.analysis[{n}].attachment", each.get("attachment"), attachments))
    for n, each in enumerate(found.get("attachments", ())):
        there += [(f"$.attachments[{n}].party", each["party"], parties)]
        there += [(f"$.attachments[{n}].dialog", each["dialog"], dialogs)]
    return [(where, index, count) for where, value, count in there for index in _flat(value)]


_OF_PARTIES: Final = ("originator", "transferee", "transferor", "transfer_target")
_OF_DIALOGS: Final = ("recordings", "recording_set", "original", "consultation", "target_dialog")


def _flat(value: Any) -> list[int]:
    if value is None:
        return []
    return [one for each in value for one in _flat(each)] if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _short(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:120]} ... {message[-60:]}"


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
