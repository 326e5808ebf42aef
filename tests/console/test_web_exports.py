"""The sound of a call in the console: heard after a reason, seen as a waveform, given away as a file."""

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import timedelta

import numpy as np
import pytest
import soundfile
from spoken_call import ACCOUNT, a_reading, keys_in, wav
from sqlalchemy import update

from domain import calls, evidence, trail
from domain.model import Outcome
from domain.roles import Permission, Role, may
from domain.tables import recordings
from ivr.console.exporting import Format, Order, filename, make
from ivr.console.web import exports
from recordings import peaks, vcon

REASON = {"reason": "quality", "words": ""}
WHY = "запит регулятора 12/3"


@pytest.fixture
def kept(world):
    """A call with its sound; (world, call, path of the recording)."""
    spoken = a_reading(world.now - timedelta(hours=1), call="hotline-1790845200.17")
    record = spoken.keep(world.store, world.path)
    return world, spoken.call, world.path / record.path


def noted(world, call, what):
    return world.read(lambda conn: trail.page(conn, of=call, what=what))


def listening(world, call, role=Role.QUALITY, **more):
    browser = world.sign_in(role)
    assert browser.post(f"/calls/{call}/listen", {**REASON, **more}, follow=False).status_code == 303
    return browser


# Heard


def test_without_a_reason_nobody_hears_anything(kept):
    world, call, _ = kept

    assert world.sign_in(Role.QUALITY).get(f"/calls/{call}/audio").status_code == 403


def test_after_a_reason_the_session_hears_this_call_and_the_trail_knows_who_and_why(kept):
    world, call, path = kept
    browser = listening(world, call, words="скарга на грубість")

    heard = browser.get(f"/calls/{call}/audio")

    assert heard.status_code == 200
    assert heard.content == path.read_bytes()
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.headers["etag"] == f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"'
    [entry] = noted(world, call, "recording.heard")
    assert (entry.who, entry.of) == ("quality", call)
    assert "скарга на грубість" in entry.reason


def test_another_session_and_another_call_need_their_own_reason(kept):
    world, call, _ = kept
    other = a_reading(world.now - timedelta(hours=2), call="hotline-2.2")
    other.keep(world.store, world.path)
    browser = listening(world, call)

    assert browser.get(f"/calls/{other.call}/audio").status_code == 403
    assert world.sign_in(Role.QUALITY).get(f"/calls/{call}/audio").status_code == 403
    assert world.sign_in(Role.SUPERVISOR).get(f"/calls/{call}/audio").status_code == 403


def test_after_eight_hours_a_reason_is_asked_for_again(kept):
    world, call, _ = kept
    browser = listening(world, call)
    for _ in range(17):
        world.passes(minutes=28)
        assert browser.get(f"/calls/{call}/audio").status_code == 200
    world.passes(minutes=28)

    assert browser.get(f"/calls/{call}/audio").status_code == 403


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"reason": ""},
        {"reason": "other", "words": " a "},
        {"reason": "x" * 301},
        {"reason": "quality", "words": "y" * 301},
    ],
)
def test_no_reason_is_no_reason(kept, given):
    world, call, _ = kept
    browser = world.sign_in(Role.QUALITY)

    assert browser.post(f"/calls/{call}/listen", given).status_code == 422
    assert browser.get(f"/calls/{call}/audio").status_code == 403
    assert noted(world, call, "recording.heard") == []


def test_a_script_is_answered_in_json_and_a_form_goes_where_it_came_from(kept):
    world, call, _ = kept
    browser = world.sign_in(Role.QUALITY)
    asked = {"Accept": "application/json"}

    assert browser.post(f"/calls/{call}/listen", REASON, headers=asked).json() == {"granted": True}
    refused = browser.post(f"/calls/{call}/listen", {"reason": "other"}, headers=asked)
    assert (refused.status_code, refused.json()) == (422, {"granted": False, "error": "reason"})
    back = browser.post(f"/calls/{call}/listen", {**REASON, "next": "/requests/10000012"}, follow=False)
    assert back.headers["location"] == "/requests/10000012"
    away = browser.post(f"/calls/{call}/listen", {**REASON, "next": "https://evil.example/"}, follow=False)
    assert away.headers["location"] == f"/calls/{call}"


# Ranges (RFC 9110, 14)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-1", 0, 1), ("bytes=44-", 44, None), ("bytes=-100", -100, None), ("bytes=1000-1999", 1000, 1999)],
)
def test_a_range_is_that_part_of_the_file(kept, asked, first, last):
    world, call, path = kept
    content = path.read_bytes()
    first, last = first % len(content), len(content) - 1 if last is None else last

    part = listening(world, call).get(f"/calls/{call}/audio", headers={"Range": asked})

    assert part.status_code == 206
    assert part.content == content[first : last + 1]
    assert part.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
    assert part.headers["content-length"] == str(last - first + 1)
    assert part.headers["accept-ranges"] == "bytes"


def test_a_range_beyond_the_end_can_not_be_given(kept):
    world, call, path = kept

    beyond = listening(world, call).get(f"/calls/{call}/audio", headers={"Range": "bytes=99999999-"})

    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{path.stat().st_size}"


def test_head_tells_the_same_without_the_sound(kept):
    world, call, path = kept

    told = listening(world, call).ask("HEAD", f"/calls/{call}/audio")

    assert (told.status_code, told.content) == (200, b"")
    assert told.headers["content-length"] == str(path.stat().st_size)


def test_a_range_of_another_version_is_the_whole_of_this_one(kept):
    world, call, path = kept
    browser = listening(world, call)
    asked = {"Range": "bytes=0-9"}
    etag = f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"'

    same = browser.get(f"/calls/{call}/audio", headers={**asked, "If-Range": etag})
    other = browser.get(f"/calls/{call}/audio", headers={**asked, "If-Range": '"another"'})

    assert (same.status_code, len(same.content)) == (206, 10)
    assert (other.status_code, len(other.content)) == (200, path.stat().st_size)


# What isn't as it should be


def spoil(path):
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


def test_a_recording_that_was_changed_is_not_played_without_saying_so(kept):
    world, call, path = kept
    spoil(path)
    browser = world.sign_in(Role.QUALITY)

    refused = browser.post(f"/calls/{call}/listen", REASON)

    assert refused.status_code == 409
    assert "змінено після запечатування" in refused.text
    assert 'name="despite" value="1"' in refused.text
    assert browser.get(f"/calls/{call}/audio").status_code == 403
    assert [entry.who for entry in noted(world, call, "recording.changed")] == ["quality"]


def test_who_insists_hears_it_and_the_trail_knows_that_too(kept):
    world, call, path = kept
    spoil(path)
    browser = listening(world, call, despite="1")

    heard = browser.get(f"/calls/{call}/audio")

    assert heard.content == path.read_bytes()
    assert heard.headers["etag"] != f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"'
    [entry] = noted(world, call, "recording.heard")
    assert entry.details["changed"] is True


def test_one_that_is_changed_while_somebody_listens_stops(kept):
    world, call, path = kept
    browser = listening(world, call)
    assert browser.get(f"/calls/{call}/audio").status_code == 200
    spoil(path)

    assert browser.get(f"/calls/{call}/audio").status_code == 409


def test_one_that_is_gone_from_the_archive_is_told_to_be(kept):
    world, call, path = kept
    browser = listening(world, call)
    path.unlink()

    assert browser.get(f"/calls/{call}/audio").status_code == 404
    told = world.sign_in(Role.QUALITY).post(f"/calls/{call}/listen", REASON)
    assert told.status_code == 404
    assert "немає в архіві" in told.text


@pytest.mark.parametrize("path", ["../hotline.db", "/etc/passwd", "recordings/../hotline.db", "recordings", ""])
def test_a_path_out_of_the_archive_is_never_opened(kept, path):
    """Only who can write to the store could put one there; then, too, nothing else is given away."""
    world, call, _ = kept
    world.write(lambda conn: conn.execute(update(recordings).values(path=path)))
    browser = world.sign_in(Role.SUPERVISOR)

    for answer in (
        browser.get(f"/calls/{call}/audio"),
        browser.get(f"/calls/{call}/peaks"),
        browser.post(f"/calls/{call}/listen", REASON),
        browser.post(f"/calls/{call}/export", {"format": "wav", "reason": WHY}),
    ):
        assert answer.status_code == 404


@pytest.mark.parametrize("path", ["..%2f..%2fhotline.db", "a%2fb", "%00", "a b", "x" * 81, "ї"])
def test_an_id_that_is_none_finds_nothing(kept, path):
    world, *_ = kept
    browser = world.sign_in(Role.SUPERVISOR)

    assert browser.get(f"/calls/{path}/audio").status_code in (404, 422)
    assert browser.get(f"/calls/{path}/peaks").status_code in (404, 422)


STATES = {
    "live": (lambda c, call, at: None, 409),
    "sealing": (lambda c, call, at: calls.recording_began(c, call, "x.raw", at), 409),
    "erased": (lambda c, call, at: calls.recording_erased(c, call, "the notice was not heard to its end", at), 410),
    "failed": (lambda c, call, at: calls.recording_failed(c, call, "the exchange left no tape", at), 404),
    "none": (lambda c, call, at: None, 404),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_of_a_recording_has_its_answer(world, state):
    note, status = STATES[state]
    call = world.call(("menu", "menu", "2"), outcome=None if state == "live" else Outcome.INFORMED)
    world.write(lambda conn: note(conn, call, world.now))
    browser = world.sign_in(Role.SUPERVISOR)

    assert browser.get(f"/calls/{call}/audio").status_code == status
    assert browser.get(f"/calls/{call}/peaks").status_code == status
    assert browser.post(f"/calls/{call}/listen", REASON).status_code == status
    refused = browser.post(f"/calls/{call}/export", {"format": "wav", "reason": WHY})
    assert refused.status_code == status
    assert 'role="alert"' in refused.text
    assert noted(world, call, "call.exported") == [], "nothing was given away"


# Seen


def test_the_waveform_is_of_both_sides_and_tells_the_silence(kept):
    world, call, path = kept

    told = world.sign_in(Role.AUDITOR).get(f"/calls/{call}/peaks")

    found = told.json()
    assert told.headers["content-encoding"] == "gzip"
    assert found["seconds"] == pytest.approx(peaks.of_wav(str(path)).seconds)
    assert len(found["caller"]) == len(found["prompts"]) == round(found["seconds"] * found["per_second"])
    assert max(found["prompts"]) > 40 and set(found["caller"]) <= set(range(found["full"] + 1))
    assert all(0 <= first < last <= found["seconds"] for first, last in found["silence"])


def test_who_has_the_waveform_is_told_so(kept):
    world, call, _ = kept
    browser = world.sign_in(Role.AUDITOR)
    first = browser.get(f"/calls/{call}/peaks")

    again = browser.get(f"/calls/{call}/peaks", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"


def test_a_browser_without_gzip_gets_it_plain(kept):
    world, call, _ = kept

    told = world.sign_in(Role.AUDITOR).get(f"/calls/{call}/peaks", headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in told.headers
    assert json.loads(told.content)["caller"]


# Given away


def given(world, call, role=Role.SUPERVISOR, **more):
    return world.sign_in(role).post(f"/calls/{call}/export", {"reason": WHY, **more})


def test_a_wav_is_masked_unless_asked_for_otherwise(kept):
    world, call, path = kept

    answer = given(world, call, format="wav")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    copy = wav(io.BytesIO(answer.content))
    assert keys_in(copy[:, 0].astype(float)) == "2"
    assert len(copy) == len(wav(path))
    [entry] = noted(world, call, "call.exported")
    assert (entry.who, entry.reason, entry.details["masked"]) == ("supervisor", WHY, True)


def test_who_may_see_personal_data_may_have_it_as_sealed(kept):
    world, call, path = kept

    assert given(world, call, format="wav", shown="clear").content == path.read_bytes()
    assert noted(world, call, "call.exported")[0].details["masked"] is False


def test_who_may_not_is_refused_and_the_trail_knows(kept):
    world, call, _ = kept
    assert not may(Role.QUALITY, Permission.PERSONAL)

    assert given(world, call, Role.QUALITY, format="wav", shown="clear").status_code == 403
    assert given(world, call, Role.QUALITY, format="bundle").status_code == 403
    assert noted(world, call, "call.exported") == []
    assert {entry.details["needs"] for entry in noted(world, call, "access.refused")} == {"personal", "evidence"}


def test_an_opus_file_is_heard_and_masked_too(kept):
    world, call, path = kept

    answer = given(world, call, Role.QUALITY, format="opus")

    assert answer.headers["content-type"] == "audio/ogg"
    sound, rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert rate == 8000 and abs(len(sound) - len(wav(path))) < 800
    assert keys_in(sound[:, 0].astype(float)) == "2"


def test_a_masked_vcon_holds_nothing_of_the_account_or_the_telephone(kept):
    world, call, _ = kept

    answer = given(world, call, Role.QUALITY, format="vcon")

    assert answer.headers["content-type"] == "application/vcon"
    found = answer.json()
    vcon.check(found)
    assert found["redacted"]["type"] == "PII masked"
    assert ACCOUNT not in answer.text and "380671234567" not in answer.text
    assert "один нуль нуль" not in answer.text and "один, нуль" not in answer.text
    [dialog] = found["dialog"]
    copy = wav(io.BytesIO(vcon.unbase64url(dialog["body"])))
    assert keys_in(copy[:, 0].astype(float)) == "2"
    assert [event["button"] for event in dialog["party_history"]] == ["#", "2"]


def test_a_whole_vcon_holds_both(kept):
    world, call, path = kept

    found = given(world, call, format="vcon", shown="clear").json()

    vcon.check(found)
    assert found["parties"][0]["tel"] == "tel:+380671234567"
    assert vcon.unbase64url(found["dialog"][0]["body"]) == path.read_bytes()
    assert "".join(event["button"] for event in found["dialog"][0]["party_history"]) == f"{ACCOUNT}#2"


def unpacked(answer, folder):
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        packed.extractall(folder)
        return {info.filename: info for info in packed.infolist()}


def checks(folder):
    return subprocess.run(
        [sys.executable, "check_bundle.py"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_bundle_proves_itself_with_what_everybody_has(kept, tmp_path):
    world, call, path = kept
    listening(world, call, Role.AUDITOR)

    answer = given(world, call, Role.AUDITOR, format="bundle")
    folder = tmp_path / "court"
    files = unpacked(answer, folder)

    assert (folder / "recording.wav").read_bytes() == path.read_bytes()
    assert files["recording.wav"].compress_type == zipfile.ZIP_STORED
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert sums.returncode == 0, sums.stdout
    assert len(sums.stdout.splitlines()) == len(files) - 1
    assert checks(folder).returncode == 0, checks(folder).stdout
    manifest = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    assert manifest["exported"]["by"] == "auditor" and manifest["exported"]["reason"] == WHY
    assert manifest["recording"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    rows = json.loads((folder / "trail.json").read_text("utf-8"))
    assert [row["what"] for row in rows["rows"]] == ["recording.heard", "call.exported"]
    assert rows["rows"][-1]["n"] == manifest["exported"]["row"]
    assert rows["chain"]["sound"] is True
    journal = json.loads((folder / "journal.json").read_text("utf-8"))
    assert [line["heard"] for line in journal if line["heard"]] == [ACCOUNT, "2"]
    told = (folder / "timeline.txt").read_text("utf-8")
    assert "ПЕРЕБІГ ДЗВІНКА" in told and "+380671234567" in told
    assert "sha256sum -c SHA256SUMS" in (folder / "README.txt").read_text("utf-8")


@pytest.mark.parametrize("name", ["recording.wav", "journal.json", "trail.json", "MANIFEST.json"])
def test_a_file_of_a_bundle_that_was_changed_is_found(kept, tmp_path, name):
    world, call, _ = kept
    folder = tmp_path / "court"
    unpacked(given(world, call, Role.AUDITOR, format="bundle"), folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)

    told = checks(folder)

    assert told.returncode == 1
    assert name in told.stdout or "Error" in told.stderr


def test_a_row_of_the_trail_that_was_changed_with_its_sums_is_found(kept, tmp_path):
    world, call, _ = kept
    folder = tmp_path / "court"
    unpacked(given(world, call, Role.AUDITOR, format="bundle"), folder)
    told = json.loads((folder / "trail.json").read_text("utf-8"))
    told["rows"][0]["who"] = "somebody"
    (folder / "trail.json").write_text(json.dumps(told), "utf-8")
    sums = [line for line in (folder / "SHA256SUMS").read_text().splitlines() if not line.endswith("  trail.json")]
    digest = hashlib.sha256((folder / "trail.json").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text("\n".join([*sums, f"{digest}  trail.json"]) + "\n")

    assert "не відповідає своєму хешу" in checks(folder).stdout


def test_the_same_bundle_at_the_same_moment_is_the_same_file(kept):
    world, call, _ = kept
    order = Order(Format.BUNDLE, False, "olena", WHY, world.now)
    made = []
    for _ in range(2):
        file = world.read(lambda conn: evidence.of(conn, call))
        proof = world.read(lambda conn: evidence.proof(conn, call))
        out = io.BytesIO()
        make(file, order, world.path, out, proof)
        made.append(out.getvalue())

    assert made[0] == made[1]


def test_of_an_erased_recording_the_rest_is_given_and_says_so(kept, tmp_path):
    world, call, path = kept
    world.write(lambda conn: calls.recording_erased(conn, call, "its time is over", world.now))
    path.unlink()

    answer = given(world, call, Role.AUDITOR, format="bundle")

    files = unpacked(answer, tmp_path / "court")
    assert "recording.wav" not in files
    assert checks(tmp_path / "court").returncode == 0
    assert "its time is over" in (tmp_path / "court" / "README.txt").read_text("utf-8")
    assert "body" not in given(world, call, Role.AUDITOR, format="vcon").json()["dialog"][0]
    assert given(world, call, Role.AUDITOR, format="wav").status_code == 410


# Reasons, names, faults


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"reason": "так"}, {"reason": "x" * 301}, {"format": "mp3"}, {"format": ""}]
)
def test_without_a_reason_or_a_format_the_form_comes_back_as_it_was(kept, wrong):
    world, call, _ = kept

    answer = world.sign_in(Role.SUPERVISOR).post(
        f"/calls/{call}/export", {"format": "opus", "shown": "clear", "reason": WHY, **wrong}
    )

    assert answer.status_code == 422
    assert "error" in answer.text
    assert noted(world, call, "call.exported") == []


def test_what_was_written_in_the_form_is_escaped(kept):
    world, call, _ = kept

    answer = world.sign_in(Role.SUPERVISOR).post(
        f"/calls/{call}/export", {"format": "x", "reason": '"><script>alert(1)</script>'}
    )

    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("role", Role)
def test_who_may_export_is_settled_by_the_table(kept, role):
    world, call, _ = kept
    allowed = may(role, Permission.EXPORT)

    assert given(world, call, role, format="wav").status_code == (200 if allowed else 403)
    assert world.sign_in(role).get(f"/calls/{call}/export").status_code == (200 if allowed else 403)


def test_the_form_offers_what_the_role_may_have(kept):
    world, call, _ = kept
    shown = {role: world.sign_in(role).get(f"/calls/{call}/export").text for role in (Role.QUALITY, Role.AUDITOR)}

    assert 'value="bundle"' in shown[Role.AUDITOR] and 'value="bundle"' not in shown[Role.QUALITY]
    assert 'value="clear"' in shown[Role.AUDITOR] and 'value="clear"' not in shown[Role.QUALITY]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("hotline-1.wav", 'attachment; filename="hotline-1.wav"'),
        ('a"b.wav', "attachment; filename=\"a_b.wav\"; filename*=UTF-8''a%22b.wav"),
        ("a\r\nX: y.wav", "attachment; filename=\"a__X__y.wav\"; filename*=UTF-8''a%0D%0AX%3A%20y.wav"),
        ("їж.wav", "attachment; filename=\"__.wav\"; filename*=UTF-8''%D1%97%D0%B6.wav"),
        ("../../etc/passwd", "attachment; filename=\".._.._etc_passwd\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd"),
    ],
)  # fmt: skip
def test_the_name_of_a_download_stays_one_header(name, header):
    assert exports.disposition(name) == header
    assert header.isascii() and header.isprintable()


@pytest.mark.parametrize(
    "call", ['a";x=.wav', "a\r\nX: y", "../../x", "ї-1", "@host;tag=1", "...", " ", "-", "a" * 80]
)
def test_any_id_of_a_call_makes_a_harmless_name(world, call):
    world.call(id=call)
    file = world.read(lambda conn: evidence.of(conn, call))
    name = filename(file, Order(Format.WAV, True, "x", WHY, world.now))

    assert name.isascii() and not set(name) & set('";\r\n/\\ @=')
    assert name.startswith("hotline-2") and name.endswith("-masked.wav") and ".." not in name
    assert len(name) < 120


def test_a_changed_recording_is_not_given_away_in_any_form_and_the_trail_says_that_it_failed(kept):
    world, call, path = kept
    spoil(path)

    for wanted in ("wav", "opus", "vcon", "bundle"):
        answer = given(world, call, Role.AUDITOR, format=wanted)
        assert answer.status_code == 409, wanted
        assert "змінено після запечатування" in answer.text
    assert len(noted(world, call, "export.failed")) == len(noted(world, call, "call.exported")) == 4


def test_one_that_is_gone_is_told_in_words(kept):
    world, call, path = kept
    path.unlink()

    answer = given(world, call, format="wav")

    assert answer.status_code == 404 and "немає в архіві" in answer.text


@pytest.mark.parametrize("wanted", ["wav", "opus", "vcon", "bundle"])
def test_a_full_disk_is_told_in_words_and_leaves_nothing_behind(kept, monkeypatch, wanted):
    world, call, _ = kept
    made = exports.place

    class Full:
        def __init__(self, out):
            self.out = out

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name):
            return getattr(self.out, name)

    monkeypatch.setattr(exports, "place", lambda data: Full(made(data)))

    answer = given(world, call, Role.AUDITOR, format=wanted)

    assert answer.status_code == 507
    assert "немає місця" in answer.text
    assert list((world.path / "exports").iterdir()) == []
    [entry] = noted(world, call, "export.failed")
    assert "NoRoom" in entry.details["why"]


def test_while_it_is_sent_there_is_no_file_that_somebody_could_find(kept):
    world, call, _ = kept
    given(world, call, format="wav")

    assert list((world.path / "exports").iterdir()) == []
    assert (world.path / "exports").stat().st_mode & 0o077 == 0


def test_without_csrf_nothing_is_heard_or_given(kept):
    world, call, _ = kept
    browser = world.sign_in(Role.SUPERVISOR)

    assert browser.post(f"/calls/{call}/listen", REASON, csrf=False).status_code == 403
    assert browser.post(f"/calls/{call}/export", {"format": "wav", "reason": WHY}, csrf=False).status_code == 403
    assert browser.get(f"/calls/{call}/audio").status_code == 403


def test_the_last_moment_alone_can_be_asked_for(kept):
    world, call, path = kept
    browser = listening(world, call)

    part = browser.get(f"/calls/{call}/audio", headers={"Range": f"bytes={path.stat().st_size - 4}-"})

    assert len(part.content) == 4
    assert np.frombuffer(part.content, "<i2").tolist() == wav(path)[-1].tolist()
