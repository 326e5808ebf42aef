"""Pages of prompts: hear, change, record, publish, undo; announcements; who may, and what is refused."""

import io
import re
import wave
from datetime import datetime, timedelta
from html import unescape

import numpy as np
import pytest
from sqlalchemy import select

from domain import duties, tallies, trail, wording
from domain.model import Language
from domain.plays import Play
from domain.roles import Role
from domain.rules import HOME
from domain.tables import accounts, buildings, index_debts
from domain.wording import State
from ivr.console.web.studio import Studio, utterance
from ivr.console.web.words import LANGUAGES, Tongue
from prompts import sound
from prompts.composer import read_texts
from prompts.overlay import clips_below
from prompts.rhvoice import CannotSpeak
from prompts.speaking import Spoken

UK = Language("uk")
NEW = "Бувайте здорові."


def murmur(seconds=1.0, level=0.2, rate=16_000):
    at = np.arange(int(seconds * rate)) / rate
    return level * np.sin(2 * np.pi * 300 * at) * (1 + 0.5 * np.sin(2 * np.pi * 5 * at))


def wav(samples, rate=16_000, channels=1):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(np.clip(samples * 32767, -32768, 32767).astype("<i2"), channels).tobytes())
    return out.getvalue()


SHIPPED = read_texts()["uk"]["account"]


class Speaker:
    """Murmurs whatever it is asked to say, and remembers it; `hoarse`: it can't."""

    def __init__(self):
        self.said = []
        self.hoarse = ""
        self.breath = 1000

    async def __call__(self, _data, parts):
        if self.hoarse:
            raise CannotSpeak(self.hoarse)
        for clip, part in parts.items():
            if len(self.said) >= self.breath:
                raise CannotSpeak("out of breath")
            self.said.append(part.text)
            length = 0.3 + len(part.text) / 20
            yield Spoken(clip, sound.a_law(sound.condition(murmur(length), 16_000, 100)), "Natalia")


@pytest.fixture
def speaker(world):
    speaking = Speaker()
    world.desk.facts["studio"] = Studio(world.desk, speaking)
    return speaking


def spoken(world):
    world.desk.facts["studio"].join(10)


def history(world, prompt="goodbye"):
    return world.read(lambda conn: wording.history(conn, prompt, UK))


def deeds(world):
    """What was done, in order; that people signed in is left out."""
    return [row for row in world.read(trail.page)[::-1] if row.what != "signed.in"]


def hidden(html, name, within=""):
    """The value of a hidden field, of the form whose action has `within`."""
    for form in re.findall(r"<form.*?</form>", html, re.S):
        if within in form and (found := re.search(rf'name="{name}" value="([^"]*)"', form)):
            return found[1]
    raise AssertionError(f"no field {name} in a form of {within}")


def drafted(world, browser, text=NEW, prompt="goodbye", **more):
    seen = hidden(browser.get(f"/prompts/uk/{prompt}").text, "seen", "/prompts/draft/")
    answer = browser.post(f"/prompts/draft/uk/{prompt}", {"text": text, "seen": seen, "reason": "коротше", **more})
    spoken(world)
    return answer


def published(world, browser, text=NEW, prompt="goodbye", **more):
    assert drafted(world, browser, text, prompt).status_code == 200
    version = history(world, prompt)[0].id
    over = hidden(browser.get(f"/prompts/uk/{prompt}").text, "over", "publish")
    return browser.post(f"/prompts/versions/{version}/publish", {"over": over, **more})


def heard(browser, prompt="goodbye", **query):
    answer = browser.get(f"/prompts/sound/uk/{prompt}", params=query)
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return file.readframes(file.getnframes())


# -- to hear and to find ---------------------------------------------------------------------------------------


def test_every_prompt_is_listed_and_found_by_any_word_of_any_language(world):
    browser = world.sign_in()

    everything = browser.get("/prompts").text
    found = browser.get("/prompts", params={"q": "electricity bill"}).text

    assert all(f"/prompts/uk/{name}" in everything for name in world.desk.catalogue.texts["uk"])
    assert "/prompts/uk/account" in found
    assert "/prompts/uk/goodbye" not in found
    assert browser.get("/prompts", params={"q": "нема такого слова ніде"}).status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_prompts_stand_under_the_part_of_the_conversation_that_says_them(world, language):
    t = Tongue(language)
    page = world.sign_in(language=language).get("/prompts").text
    groups = {
        unescape(title): re.findall(r'data-open href="/prompts/\w\w/(\w+)"', rows)
        for title, rows in re.findall(r'<th scope="rowgroup"[^>]*>([^<]*)</th>(.*?)</tbody>', page, re.DOTALL)
    }
    assert "account" in groups[t("story.part_ask_account")]
    assert sorted(name for there in groups.values() for name in there) == sorted(world.desk.catalogue.texts["uk"])
    assert next(iter(groups)) == t("prompts.everywhere")
    assert list(groups).index(t("story.part_main_menu")) < list(groups).index(t("story.part_submit"))
    assert not [title for title in groups if "_" in title]


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_a_prompt_is_said_is_told_in_words(world, language):
    page = world.sign_in(language=language).get("/prompts/uk/account_check_failed").text.split('id="uses-title"')[1]
    assert Tongue(language)("story.part_find") in page
    assert "main_menu" not in page.split("</section>")[0]


@pytest.mark.parametrize("language", ["uk", "ru", "en"])
@pytest.mark.parametrize("path", ["/prompts", "/prompts/{0}/read_back", "/prompts/{0}/n/45", "/prompts/parts/{0}",
                                  "/prompts/versions", "/prompts/announcements"])  # fmt: skip
def test_every_page_is_there_in_every_language(world, language, path):
    answer = world.sign_in(language=language).get(path.format(language))

    assert answer.status_code == 200
    assert "prompts." not in re.sub(r"(src|href)=\"[^\"]*\"", "", answer.text), "a text is missing"


def test_a_prompt_is_heard_as_wav_with_its_values_said(world):
    browser = world.sign_in()
    over = world.desk.catalogue

    sounds = heard(browser, "read_back")

    pieces = sum(over.seconds[clip] for clip in over.parts("uk") if clip.startswith("uk/read_back."))
    assert len(sounds) / 16_000 > pieces + 0.5, "the example value is said too"


@pytest.mark.parametrize("line", ["text", "second", "third"])
def test_each_try_is_heard(world, line):
    over = world.desk.catalogue
    attempt = ("text", "second", "third").index(line) + 1

    assert len(heard(world.sign_in(), "account", line=line)) / 16_000 == pytest.approx(
        over.compose("uk", "account", attempt=attempt).duration_s, abs=0.01
    )


def test_every_prompt_and_every_part_of_every_language_can_be_heard(world):
    # as the page composes it, without a request for each of 700
    over = world.desk.facts.setdefault("studio", Studio(world.desk)).as_shipped()
    for lang, texts in over.catalogue.texts.items():
        for prompt in texts:
            text, content = utterance(over, lang, prompt)
            assert text or prompt == "languages", (lang, prompt)
            assert content[:4] == b"RIFF"
    assert not over.catalogue.missing, "every place has an example"


def test_a_part_of_a_sound_is_given_to_browsers_that_ask_for_it(world):
    browser = world.sign_in()
    whole = browser.get("/prompts/sound/uk/goodbye").content

    first = browser.get("/prompts/sound/uk/goodbye", headers={"Range": "bytes=0-99"})
    last = browser.get("/prompts/sound/uk/goodbye", headers={"Range": "bytes=-100"})
    beyond = browser.get("/prompts/sound/uk/goodbye", headers={"Range": "bytes=99999999-"})
    strange = browser.get("/prompts/sound/uk/goodbye", headers={"Range": "bytes=x-²".encode("latin-1")})

    assert (first.status_code, first.content) == (206, whole[:100])
    assert first.headers["content-range"] == f"bytes 0-99/{len(whole)}"
    assert (last.status_code, last.content) == (206, whole[-100:])
    assert beyond.status_code == 416
    assert (strange.status_code, strange.content) == (200, whole)


@pytest.mark.parametrize(
    "path",
    [
        "/prompts/uk/no_such_prompt", "/prompts/de/goodbye", "/prompts/uk/..%2f..%2fetc%2fpasswd",
        "/prompts/sound/uk/nothing", "/prompts/clip/uk/..%2f..%2fcatalogue%2fuk.toml", "/prompts/clip/uk/nothing",
        "/prompts/clip/uk/goodbye?version=999", "/prompts/sound/uk/goodbye?version=999", "/prompts/uk/pause/200",
        "/prompts/announcements/sound/uk?prompt=nothing", "/prompts/announcements/sound/xx?prompt=announce_outage",
        "/prompts/announcements/sound/uk?prompt=announce_outage&until=never", "/prompts/parts/de",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(world, path):
    assert world.sign_in().get(path).status_code == 404


def test_where_a_prompt_is_said_is_shown(world):
    page = world.sign_in(language="en").get("/prompts/uk/hint_agent").text

    assert 'href="/prompts/uk/account"' in page, "it is said within the question for the account"
    assert Tongue("en")("story.part_ask_account") in world.sign_in(language="en").get("/prompts/uk/account").text


# -- to change -------------------------------------------------------------------------------------------------


def test_a_changed_text_is_a_draft_that_is_spoken_and_heard_only_here(world, speaker):
    browser = world.sign_in()
    before = heard(browser)

    page = drafted(world, browser)

    [version] = history(world)
    assert (version.state, version.texts.text, version.made_by, version.reason) == (
        State.DRAFT, NEW, "supervisor", "коротше",
    )  # fmt: skip
    assert page.url.path == "/prompts/uk/goodbye"
    assert speaker.said == [NEW]
    assert heard(browser) == before, "callers hear what they heard"
    assert heard(browser, version=version.id) != before


def test_what_goes_live_is_heard_and_can_be_undone_and_redone(world, speaker):
    browser = world.sign_in()
    shipped = heard(browser)

    answer = published(world, browser)
    live = heard(browser)
    page = browser.get("/prompts/uk/goodbye").text
    undone = browser.post(
        "/prompts/undo/uk/goodbye", {"seen": hidden(page, "seen", "undo"), "to": hidden(page, "to", "undo")}
    )

    assert (answer.status_code, undone.status_code) == (200, 200)
    assert live != shipped
    assert heard(browser) == shipped
    states = [(each.state, each.undoes) for each in history(world)]
    assert states == [(State.LIVE, history(world)[1].id), (State.UNDONE, None)]
    seen = hidden(browser.get("/prompts/uk/goodbye").text, "seen", "undo")
    browser.post("/prompts/undo/uk/goodbye", {"seen": seen, "to": str(history(world)[1].id)})
    assert heard(browser) == live


def test_every_change_is_in_the_trail_with_who_did_it(world, speaker):
    browser = world.sign_in()
    published(world, browser)
    page = browser.get("/prompts/uk/goodbye").text
    browser.post("/prompts/undo/uk/goodbye", {"seen": hidden(page, "seen", "undo"), "to": "", "reason": "скарги"})

    noted = [(row.who, row.what, row.of, row.reason) for row in deeds(world)]

    assert noted == [
        ("supervisor", "prompt.drafted", "uk/goodbye", "коротше"),
        ("supervisor", "prompt.published", "uk/goodbye", "коротше"),
        ("supervisor", "prompt.undone", "uk/goodbye", "скарги"),
    ]
    assert world.read(trail.verify).sound


@pytest.mark.parametrize(
    ("prompt", "fields", "told", "where"),
    [
        ("goodbye", {"text": "Натисніть 1."}, "in words", "fault-text"),
        ("goodbye", {"text": "Бувайте.", "second": "Дякуємo."}, "U+006F", "fault-second"),
        ("goodbye", {"text": ""}, "There is no text", ""),
        ("receipt", {"text": "Прийнято."}, "is missing", "fault-text"),
        ("receipt", {"text": "Прийнято: {number|number}."}, "does not fill", "fault-text"),
        ("goodbye", {"text": "а" * 1001}, "1000 letters", "fault-text"),
        ("goodbye", {"text": "Бувайте.", "reason": "x" * 501}, "500 letters", "fault-reason"),
    ],
)
def test_what_is_wrong_with_a_text_stands_beside_it_and_nothing_typed_is_lost(
    world, speaker, prompt, fields, told, where
):
    browser = world.sign_in(language="en")

    answer = browser.post(f"/prompts/draft/uk/{prompt}", {"seen": "", **fields})

    assert answer.status_code == 422
    assert told in answer.text
    assert where in answer.text
    assert all(value in answer.text for value in fields.values())
    assert history(world, prompt) == []


def test_a_text_that_is_heard_already_is_no_draft(world, speaker):
    browser = world.sign_in(language="en")
    same = world.desk.catalogue.texts["uk"]["goodbye"]["text"]

    assert "hear just this" in browser.post("/prompts/draft/uk/goodbye", {"text": f" {same} \r\n", "seen": ""}).text


def test_markup_in_a_text_is_shown_as_text(world, speaker):
    browser = world.sign_in()
    bad = 'Слово "><script>alert(1)</script>'

    page = browser.post("/prompts/draft/uk/goodbye", {"text": bad, "seen": ""})

    assert "<script>alert" not in page.text
    assert page.status_code == 422, "and Latin letters are no Ukrainian"


def test_two_people_do_not_overwrite_each_other(world, speaker):
    first, second = world.sign_in(), world.sign_in(Role.SUPERVISOR, login="other", language="en")
    seen = hidden(second.get("/prompts/uk/goodbye").text, "seen", "draft")
    drafted(world, first)

    answer = second.post("/prompts/draft/uk/goodbye", {"text": "Щасти вам.", "seen": seen})

    assert answer.status_code == 409
    assert "Щасти вам." in answer.text, "what was typed is kept"
    assert [each.texts.text for each in history(world)] == [NEW]


def test_what_went_live_meanwhile_is_seen_first(world, speaker):
    browser = world.sign_in()
    drafted(world, browser)
    [mine] = history(world)

    def other(conn):
        made = wording.draft(conn, "goodbye", UK, mine.texts, by="x", at=world.now, clips=mine.clips)
        wording.publish(conn, made, by="x", at=world.now)

    world.write(other)

    assert browser.post(f"/prompts/versions/{mine.id}/publish", {"over": ""}).status_code == 409
    assert world.read(lambda conn: wording.of(conn, mine.id)).state is State.DRAFT


def test_without_a_synthesiser_the_page_says_so_and_nothing_goes_live(world, speaker):
    speaker.hoarse = "apt-get failed: no network"
    browser = world.sign_in(language="en")

    drafted(world, browser)
    page = browser.get("/prompts/uk/goodbye").text
    [version] = history(world)
    answer = browser.post(f"/prompts/versions/{version.id}/publish", {"over": ""})

    assert "no network" in page
    assert "Upload a recording" in page
    assert answer.status_code == 422
    assert world.read(wording.live) == []
    speaker.hoarse = ""
    browser.post(f"/prompts/versions/{version.id}/speak")
    spoken(world)
    assert browser.post(f"/prompts/versions/{version.id}/publish", {"over": ""}).status_code == 200
    assert len(world.read(wording.live)) == 1


def test_what_was_spoken_before_a_fault_is_not_spoken_again(world, speaker):
    browser = world.sign_in()
    speaker.breath = 1
    drafted(world, browser, "Раз.", second="Два.")
    [version] = history(world)
    assert [clip.said for clip in version.clips] == ["Раз."]
    speaker.breath = 10

    browser.post(f"/prompts/versions/{version.id}/speak")
    spoken(world)

    assert speaker.said == ["Раз.", "Два."]
    assert len(history(world)[0].clips) == 2


def test_a_full_disk_is_told_and_what_was_typed_is_kept(world, speaker):
    browser = world.sign_in(language="en")
    (world.path / "prompts").write_text("in the way of the folder")

    answer = browser.post(
        "/prompts/draft/uk/account", {"text": "Наберіть номер.", "third": SHIPPED["third"], "seen": ""}
    )
    recording = recorded(world, browser, wav(murmur()))

    assert (answer.status_code, recording.status_code) == (503, 503)
    assert "Наберіть номер." in answer.text
    assert "disk is full" in answer.text
    assert history(world, "account") == []


def test_a_clip_that_was_lost_is_shown_and_does_not_go_live(world, speaker):
    browser = world.sign_in(language="en")
    drafted(world, browser)
    [version] = history(world)
    (clips_below(world.path) / f"{version.clips[0].sha256}.alaw").unlink()

    assert "is gone" in browser.get("/prompts/uk/goodbye").text
    assert browser.post(f"/prompts/versions/{version.id}/publish", {"over": ""}).status_code == 422
    browser.post(f"/prompts/versions/{version.id}/speak")
    spoken(world)


def test_a_live_clip_that_was_lost_is_told_and_callers_hear_what_is_shipped(world, speaker):
    browser = world.sign_in(language="en")
    shipped = heard(browser)
    published(world, browser)
    [version] = history(world)
    (clips_below(world.path) / f"{version.clips[0].sha256}.alaw").unlink()

    assert heard(browser) == shipped
    assert "callers hear the prompt as shipped" in browser.get("/prompts/uk/goodbye").text
    assert "/prompts/uk/goodbye" in browser.get("/prompts", params={"show": "broken", "language": "uk"}).text


@pytest.mark.parametrize("prompt", ["notice", "notice_again"])
def test_the_notice_of_the_recording_changes_only_with_a_tick_more(world, speaker, prompt):
    browser = world.sign_in(language="en")
    text = world.desk.catalogue.texts["uk"][prompt]["text"] + " Так."

    refused = published(world, browser, text, prompt)
    version = history(world, prompt)[0]
    accepted = browser.post(f"/prompts/versions/{version.id}/publish", {"over": "", "legal": "yes"})

    assert refused.status_code == 422
    assert "notice of the recording" in refused.text
    assert accepted.status_code == 200
    seen = hidden(accepted.text, "seen", "undo")
    assert browser.post(f"/prompts/undo/uk/{prompt}", {"seen": seen, "to": ""}).status_code == 422
    assert world.read(wording.live)[0].id == version.id


def test_nobody_undoes_what_they_have_not_seen(world, speaker):
    browser = world.sign_in()
    published(world, browser)

    assert browser.post("/prompts/undo/uk/goodbye", {"seen": "", "to": ""}).status_code == 409
    assert len(history(world)) == 1


# -- to record -------------------------------------------------------------------------------------------------


def recorded(world, browser, content, clip="uk/goodbye", prompt="goodbye", seen=None):
    seen = hidden(browser.get(f"/prompts/uk/{prompt}").text, "seen", "record") if seen is None else seen
    return browser.post(
        f"/prompts/record/uk/{prompt}", {"clip": clip, "seen": seen}, files={"file": ("../../evil.wav", content)}
    )


def test_a_recording_of_the_shipped_words_goes_live_and_is_heard(world, speaker):
    browser = world.sign_in()
    shipped = heard(browser)

    answer = recorded(world, browser, wav(murmur(1.7), 16_000, 2))
    [version] = history(world)
    live = browser.post(f"/prompts/versions/{version.id}/publish", {"over": ""})

    assert (answer.status_code, live.status_code) == (200, 200)
    assert version.clips[0].voice == "talent"
    assert heard(browser) != shipped
    assert abs(len(heard(browser)) / 16_000 - 1.9) < 0.2
    assert speaker.said == []
    assert not list(world.path.parent.rglob("*evil*")), "its name goes nowhere"


def test_a_recording_for_one_piece_of_a_changed_text_leaves_the_others(world, speaker):
    browser = world.sign_in()
    drafted(world, browser, "Раз.", second="Два.")

    recorded(world, browser, wav(murmur()), "uk/goodbye.second")

    draft = history(world)[0]
    assert {clip.clip: clip.voice for clip in draft.clips} == {"uk/goodbye": "Natalia", "uk/goodbye.second": "talent"}
    assert [each.state for each in history(world)] == [State.DRAFT, State.DROPPED]


def test_recordings_stand_in_where_there_is_no_synthesiser(world, speaker):
    speaker.hoarse = "none"
    browser = world.sign_in()
    drafted(world, browser, "Раз.", second="Два.")

    for clip in ("uk/goodbye", "uk/goodbye.second"):
        assert recorded(world, browser, wav(murmur()), clip).status_code == 200
        spoken(world)
    version = history(world)[0]

    assert browser.post(f"/prompts/versions/{version.id}/publish", {"over": ""}).status_code == 200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"), (b"MZ\x90\x00 not a sound", "no WAV"), (wav(murmur(1, 0.001)), "too quiet"),
        (wav(murmur(1, 5)), "too loud"), (wav(murmur(0.03)), "too short"), (wav(murmur(1), 96_000), "96000 Hz"),
    ],
    ids=["empty", "no wav", "quiet", "clipped", "short", "rate"],
)  # fmt: skip
def test_a_recording_that_can_not_be_used_is_refused_and_says_why(world, speaker, content, told):
    answer = recorded(world, world.sign_in(language="en"), content)

    assert answer.status_code == 422
    assert told in answer.text
    assert 'aria-describedby="recording-fault"' in answer.text
    assert history(world) == []


def test_a_file_that_is_too_large_is_not_even_read(world, speaker):
    assert recorded(world, world.sign_in(), bytes(13_000_000)).status_code == 413


def test_a_recording_is_only_for_a_piece_that_there_is(world, speaker):
    browser = world.sign_in()
    for clip in ("uk/noinput", "uk/../../x", ""):
        assert recorded(world, browser, wav(murmur()), clip).status_code == 404


def test_a_number_can_be_recorded_too(world, speaker):
    browser = world.sign_in()

    recorded(world, browser, wav(murmur(0.8)), "uk/n/45", "n/45")
    version = history(world, "n/45")[0]

    assert browser.post(f"/prompts/versions/{version.id}/publish", {"over": ""}).status_code == 200
    assert "змінено" in browser.get("/prompts/uk/n/45").text


# -- how often it is heard ---------------------------------------------------------------------------------------


def counted(world, *played, at=None):
    call = world.call(at=at)
    world.write(lambda conn: tallies.count(conn, call, tallies.Tally(plays=played)))


def card(page):
    """What stands in the card of plays."""
    found = re.search(r'aria-labelledby="plays-title">.*?</section>', page, re.S)[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found)).split())


def test_a_prompts_page_says_how_often_it_was_heard_and_what_cut_it_off(world):
    browser = world.sign_in(language="en")
    counted(world, Play("account", "uk", 6, 2, 1), Play("noinput", "uk", before=3))
    counted(world, Play("account", "uk", 2, 0, 0), Play("account", "ru", 50), at=world.now - timedelta(days=29))
    counted(world, Play("account", "uk", 90), at=world.now - timedelta(days=31))

    page = card(browser.get("/prompts/uk/account").text)
    assert "8 times 25.0% cut off by a key (2) 12.5% cut off by voice (1)" in page
    before = card(browser.get("/prompts/uk/noinput").text)
    assert "3 times" in before and "%" not in before and "3 before another prompt" in before
    assert "50 times 0.0%" in card(browser.get("/prompts/ru/account").text)
    never = card(browser.get("/prompts/en/account").text)
    assert "not heard in this language" in never and "%" not in never


def test_calls_that_wait_to_be_counted_are_said(world):
    browser = world.sign_in(language="en")
    world.write(lambda conn: conn.execute(index_debts.delete()))
    assert "not counted yet" not in card(browser.get("/prompts/uk/account").text)
    world.call()
    assert "Calls not counted yet: 1." in card(browser.get("/prompts/uk/account").text)


# -- announcements -----------------------------------------------------------------------------------------------


def region(world):
    return world.read(lambda conn: conn.execute(select(buildings.c.region)).scalars().first())


def on(world):
    return world.read(lambda conn: duties.announcements_on(conn, world.now))


def test_an_announcement_is_switched_on_after_it_was_said_whom_it_concerns(world):
    browser, where = world.sign_in(language="en"), region(world)
    world.call()
    there = world.read(
        lambda conn: len(
            conn.execute(
                select(accounts.c.number)
                .join(buildings, buildings.c.id == accounts.c.building)
                .where(buildings.c.region == where)
            ).all()
        )
    )

    asked = browser.get("/prompts/announcements/confirm",
                        params={"prompt": "announce_outage", "region": where, "hours": "4"})  # fmt: skip
    until = hidden(asked.text, "until", "/prompts/announcements")
    done = browser.post("/prompts/announcements", {"prompt": "announce_outage", "region": where, "until": until})

    assert f"{there} customer" in asked.text
    assert "1 call" in asked.text
    assert "Увага! Через аварію" in asked.text
    assert "Attention" in asked.text
    [standing] = on(world)
    assert (standing.prompt, standing.region, standing.on_by) == ("announce_outage", where, "supervisor")
    assert timedelta(hours=4) <= standing.until - world.now < timedelta(hours=4, minutes=15)
    assert standing.until.minute % 15 == 0
    assert Tongue("en")("prompts.done_on") in done.text
    assert f"/prompts/announcements/{standing.id}/off" in done.text
    assert [row.what for row in deeds(world)] == ["announcement.on"]


def test_an_announcement_ends_by_itself_unless_somebody_wants_otherwise(world):
    browser = world.sign_in(language="en")
    hours = lambda **given: filled(browser.get("/prompts/announcements", params=given).text)[2]  # noqa: E731

    assert hours() == hours(prompt="announce_outage") == "4"
    assert hours(prompt="announce_outage", hours="12") == "12"
    assert hours(prompt="announce_outage", until="23:59") == hours(prompt="announce_outage", until="never") == ""


def test_an_announcement_is_switched_off_after_asking_again(world):
    browser = world.sign_in(language="en")
    browser.post("/prompts/announcements", {"prompt": "announce_schedule"})
    [standing] = on(world)

    asked = browser.get(f"/prompts/announcements/{standing.id}/off")
    assert on(world), "asking switches nothing"
    done = browser.post(f"/prompts/announcements/{standing.id}/off")
    again = browser.post(f"/prompts/announcements/{standing.id}/off")

    assert "customers" in asked.text
    assert on(world) == []
    assert "Nothing is announced now" in done.text
    assert "was off already" in again.text
    assert browser.post("/prompts/announcements/999/off").status_code == 404
    assert [row.what for row in deeds(world)] == ["announcement.on", "announcement.off"]


def test_a_time_is_kyivs_and_must_lie_ahead(world):
    browser = world.sign_in(language="en")
    ask = lambda **given: browser.get(  # noqa: E731
        "/prompts/announcements/confirm", params={"prompt": "announce_works", **given}
    )

    now = world.now.astimezone(HOME)
    for until, meant in (
        (f"{now + timedelta(minutes=1):%H:%M}", now + timedelta(minutes=1)),
        (f"{now:%H:%M}", now + timedelta(days=1)),
        (f"{now + timedelta(days=3):%d.%m %H:%M}", now + timedelta(days=3)),
    ):
        said = hidden(ask(until=until).text, "until", "/prompts/announcements")
        assert datetime.fromisoformat(said) == meant.replace(second=0, microsecond=0), until
    ahead = world.now.astimezone(HOME) + timedelta(hours=3)
    good = ask(until=f"{ahead:%Y-%m-%dT%H:%M}")

    assert good.status_code == 200
    assert f"{ahead:%H:%M}" in good.text
    for until, told in (
        ("2020-01-01T10:00", "past"),
        ("tomorrow", "not understood"),
        ("2126-01-01T10:00", "Two weeks"),
    ):
        answer = ask(until=until)
        assert (answer.status_code, told in answer.text) == (422, True)


@pytest.mark.parametrize(
    "form",
    [
        {"prompt": "goodbye"}, {"prompt": "notice"}, {"prompt": ""}, {"prompt": "announce_outage", "region": "Ніде"},
        {"prompt": "announce_outage", "until": "2020-01-01T00:00+00:00"},
    ],
)  # fmt: skip
def test_what_can_not_be_announced_is_not(world, form):
    browser = world.sign_in()

    assert browser.post("/prompts/announcements", form).status_code == 422
    assert on(world) == []


def filled(html):
    """The form of a new announcement as it is filled in: prompt, region, hours, until."""
    form = re.search(r'<form method="get" action="/prompts/announcements/confirm".*?</form>', html, re.S)[0]
    prompt = re.search(r'name="prompt" value="([^"]*)" required checked', form)
    chosen = [re.search(rf'<select id="{name}".*?</select>', form, re.S)[0] for name in ("region", "hours")]
    options = [re.search(r'value="([^"]*)" selected', each) for each in chosen]
    until = re.search(r'<input id="until"[^>]*value="([^"]*)"', form)[1]
    return (*(found[1] if found else "" for found in (prompt, *options)), until)


def test_an_address_fills_the_form_in_and_switches_nothing_on(world):
    browser, where = world.sign_in(language="en"), region(world)
    ends = world.now + timedelta(hours=5)

    page = browser.get(
        "/prompts/announcements", params={"prompt": "announce_works", "region": where, "until": ends.isoformat()}
    )
    only_where = browser.get("/prompts/announcements", params={"region": where})

    assert page.status_code == only_where.status_code == 200
    assert filled(page.text) == ("announce_works", where, "", f"{ends.astimezone(HOME):%d.%m %H:%M}")
    assert filled(only_where.text) == ("", where, "4", "")
    assert Tongue("en")("prompts.filled_in") in page.text
    assert 'class="error"' not in page.text + only_where.text
    assert on(world) == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"prompt": "goodbye"}, "announce_nothing"), ({"region": "Ніде"}, "announce_region"),
        ({"prompt": "announce_works", "until": "колись"}, "announce_time"),
        ({"prompt": "announce_works", "until": "2020-01-01T00:00"}, "announce_past"),
        ({"prompt": "announce_works", "hours": "77"}, "announce_time"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/prompts/announcements", "/prompts/announcements/confirm"])
def test_an_address_is_judged_like_the_form_and_what_was_typed_stays_in_it(world, path, given, fault):
    page = world.sign_in(language="en").get(path, params=given)

    assert page.status_code == 422
    assert unescape(Tongue("en")(f"prompts.{fault}")) in unescape(page.text)
    prompt, where, _, until = filled(unescape(page.text))
    assert where == given.get("region", "")
    assert until == given.get("until", "")
    if given.get("prompt", "").startswith("announce"):
        assert prompt == given["prompt"]


def test_a_fault_of_one_field_loses_nothing_of_the_others(world):
    browser, where = world.sign_in(), region(world)
    typed = {"prompt": "announce_outage", "region": where, "hours": "4", "until": "ніколи"}

    assert filled(browser.get("/prompts/announcements/confirm", params=typed).text) == tuple(typed.values())
    past = {"prompt": "announce_outage", "region": where, "until": "2020-01-01T10:00+00:00"}
    sent = filled(browser.post("/prompts/announcements", past).text)
    assert sent == ("announce_outage", where, "", "01.01 12:00"), "a moment of ours as people write it"


def test_the_second_question_leads_back_to_the_form_as_it_was_filled_in(world):
    browser, where = world.sign_in(), region(world)
    typed = {"prompt": "announce_outage", "region": where, "hours": "4"}

    asked = unescape(browser.get("/prompts/announcements/confirm", params=typed).text)
    back = re.search(r'href="(/prompts/announcements\?[^"#]*)', asked)[1]

    assert filled(unescape(browser.get(back).text)) == (*typed.values(), "")


def test_who_may_not_announce_has_no_form_to_fill_in(world):
    page = world.sign_in(Role.AGENT).get("/prompts/announcements", params={"prompt": "announce_works", "region": "?"})

    assert page.status_code == 200
    assert "/prompts/announcements/confirm" not in page.text


def test_a_changed_text_of_an_announcement_is_what_the_page_says_is_heard(world, speaker):
    browser = world.sign_in()
    published(world, browser, "Увага! Велика аварія в місті. {until}", "announce_outage")
    browser.post("/prompts/announcements", {"prompt": "announce_outage"})

    assert "Увага! Велика аварія в місті." in browser.get("/prompts/announcements").text


# -- who may -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_only_who_may_changes_prompts_and_announces(world, speaker, role):
    browser = world.sign_in(role)
    may_see = role is not Role.ADMINISTRATOR
    may_change = role is Role.SUPERVISOR

    assert browser.get("/prompts").status_code == (200 if may_see else 403)
    assert browser.get("/prompts/sound/uk/goodbye").status_code == (200 if may_see else 403)
    for path, data in (
        ("/prompts/draft/uk/goodbye", {"text": NEW, "seen": ""}),
        ("/prompts/record/uk/goodbye", {"clip": "uk/goodbye", "seen": ""}),
        ("/prompts/versions/1/publish", {}),
        ("/prompts/versions/1/drop", {}),
        ("/prompts/versions/1/speak", {}),
        ("/prompts/undo/uk/goodbye", {"to": "", "seen": ""}),
        ("/prompts/announcements", {"prompt": "announce_outage"}),
        ("/prompts/announcements/1/off", {}),
    ):
        assert (browser.post(path, data).status_code == 403) is not may_change, path
    spoken(world)
    if may_see and not may_change:
        page = browser.get("/prompts/uk/goodbye").text
        assert "<textarea" not in page
        assert 'type="file"' not in page


def test_nothing_is_changed_without_the_token_of_the_session(world, speaker):
    browser = world.sign_in()

    for path, data in (
        ("/prompts/draft/uk/goodbye", {"text": NEW, "seen": ""}),
        ("/prompts/announcements", {"prompt": "announce_outage"}),
        ("/prompts/undo/uk/goodbye", {"to": ""}),
    ):
        assert browser.post(path, data, csrf=False).status_code == 403
    assert history(world) == []
    assert on(world) == []


# -- where prompts are said ----------------------------------------------------------------------------------------
