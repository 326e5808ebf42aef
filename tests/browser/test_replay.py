"""One call in a browser: heard, seen, read, by keyboard and by mouse; with sound and without."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from domain import calls, quality
from domain.roles import Role
from tests.browser.conftest import PHONE, WIDE, fits, playing, until
from tests.console import long_call

pytestmark = pytest.mark.browser

REPLAY = "document.querySelector('[data-replay]').replay"


def at(page):
    """Seconds at which the page is."""
    return page.evaluate(f"{REPLAY}.second")


def paused(page):
    return page.evaluate(f"{REPLAY}.audio ? {REPLAY}.audio.paused : true")


def looked_at_by_axe(page):
    """To look at styles in the waveform's shadow tree axe makes a <style> of its own, which our policy refuses."""
    page.faults[:] = [fault for fault in page.faults if "Applying inline style" not in fault]


def drawn(page):
    page.wait_for_selector("[data-wave=drawn]", state="attached")


def give_reason(page, reason="quality"):
    page.wait_for_selector("[data-listen-dialog][open]")
    page.check(f"input[value={reason}]")
    page.keyboard.press("Enter")
    until(page, f"{REPLAY}.audio && !{REPLAY}.audio.paused")


def place(page, kind, **of):
    """Where on the drawn time line the first thing of this kind is, in the page's coordinates."""
    page.evaluate("scrollTo(0, 0)")
    return page.evaluate(
        """([kind, text]) => {
          const line = document.querySelector("[data-axis]").timeline;
          const all = [...line.items.values()].flat();
          return line.place(all.find((one) => one.kind === kind && (!text || one.text === text)));
        }""",
        [kind, of.get("text")],
    )


def test_sound_is_heard_after_a_reason_and_runs_with_cursor_list_and_waveform(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}")
    drawn(page)
    page.keyboard.press("Space")
    page.wait_for_selector("[data-listen-dialog][open]")
    page.check("input[value=other]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-listen-error]:not([hidden])")
    page.faults.clear()  # the browser reports the 422 itself
    give_reason(page)
    until(page, f"{REPLAY}.second > 1")
    page.keyboard.press("Space")
    until(page, f"{REPLAY}.audio.paused")
    assert page.locator("[data-events] > [aria-current=true]").count() == 1
    trail = site.read(lambda conn: conn.exec_driver_sql("SELECT what, reason FROM trail ORDER BY n DESC").first())
    assert trail is not None and trail[0] == "recording.heard" and trail[1]
    page.reload()
    drawn(page)
    assert page.locator("[data-listen-dialog]").count() == 0
    page.keyboard.press("Space")
    until(page, f"{REPLAY}.second > 0.5")


def test_every_key_does_what_it_says(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}")
    drawn(page)
    for key, expected in (("ArrowRight", 5), ("ArrowRight", 10), ("ArrowLeft", 5), ("Shift+ArrowRight", 6)):
        page.keyboard.press(key)
        assert at(page) == pytest.approx(expected, abs=0.01), key
    page.keyboard.press("Shift+ArrowLeft")
    assert at(page) == pytest.approx(5, abs=0.01)
    page.keyboard.press("Shift+Period")
    page.keyboard.press("Shift+Period")
    page.keyboard.press("Shift+Comma")
    assert page.input_value("[data-speed]") == "1.25"
    page.keyboard.press("s")
    assert page.get_attribute("[data-skip]", "aria-pressed") == "true"
    whole = page.evaluate(f"{REPLAY}.line.scale")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.evaluate(f"{REPLAY}.line.scale") == pytest.approx(whole * 2.25, rel=0.01)
    page.keyboard.press("-")
    page.keyboard.press("0")
    assert page.evaluate(f"{REPLAY}.line.scale") == pytest.approx(whole, rel=0.01)
    page.keyboard.press("l")
    assert page.url.endswith("#t=5.0")
    page.keyboard.press("?")
    listed = page.inner_text("#help")
    assert "⇧+←" in listed and "<" in listed


def test_letters_work_whatever_alphabet_is_on_the_keys(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}")
    drawn(page)
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'і', code: 'KeyS', bubbles: true}))"
    )
    assert page.get_attribute("[data-skip]", "aria-pressed") == "true"


def test_n_and_p_go_from_doubt_to_doubt(visit, site):
    call = next(c for c in (site.calls["insisted"], site.calls["corrected"], site.calls["complaint"]))
    page = visit(f"/calls/{call}")
    doubts = [float(each) for each in page.get_attribute("[data-replay]", "data-doubts").split()]
    assert doubts, "a call in which a value was insisted on has a moment of doubt"
    for doubt in doubts:
        page.keyboard.press("n")
        assert at(page) == pytest.approx(doubt, abs=0.01)
    for doubt in doubts[-2::-1]:
        page.keyboard.press("p")
        assert at(page) == pytest.approx(doubt, abs=0.01)


def test_every_doubt_that_the_keys_stop_at_is_a_diamond(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}")
    drawn(page)
    marks = page.evaluate(
        """() => [...document.querySelector("[data-axis]").timeline.items.get("mark")]
          .filter((one) => one.kind === "doubt").map((one) => one.at)"""
    )
    doubts = [float(at) for at in page.get_attribute("[data-replay]", "data-doubts").split()]
    assert doubts
    assert all(any(abs(at - mark) < 0.01 for mark in marks) for at in doubts)


def test_the_lanes_have_their_names_on_a_phone_too(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}", size=PHONE)
    drawn(page)
    names = page.locator(".axis-names .of-lane")
    assert len(set(names.all_inner_texts())) == 6
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    assert names.evaluate_all(cut) == []


def test_a_link_leads_to_its_moment(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}#t=7.5")
    assert at(page) == pytest.approx(7.5)
    assert page.locator("[data-events] > [aria-current=true]").count() == 1
    page.evaluate("location.hash = '#t=3'")
    until(page, f"{REPLAY}.second === 3")


def test_a_word_is_heard_when_it_is_clicked_in_the_list_and_on_the_time_line(visit, site):
    page = visit(f"/calls/{site.calls['complaint_by_voice']}")
    drawn(page)
    page.click("[data-play]")
    give_reason(page)
    page.keyboard.press("Space")
    word = page.locator('[data-kind="said"] .word, [data-kind="told"] .word').first
    begins, ends = (float(word.get_attribute(name)) for name in ("data-at", "data-until"))
    with playing(page):
        word.click()
    assert at(page) >= max(begins - 0.3, 0)
    until(page, f"{REPLAY}.audio.paused")
    assert at(page) == pytest.approx(ends + 0.15, abs=0.4)
    for _ in range(6):
        page.keyboard.press("+")
    spot = place(page, "said")
    with playing(page):
        page.mouse.click(spot["x"], spot["y"])
    until(page, f"{REPLAY}.audio.paused")


def test_the_time_line_is_pointed_at_clicked_and_stays_with_the_waveform(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}")
    drawn(page)
    spot = place(page, "prompt")
    page.mouse.move(spot["x"], spot["y"])
    tip = page.locator("[data-tip]")
    assert tip.is_visible() and len(tip.inner_text()) > 8
    page.mouse.click(spot["x"], spot["y"])
    first = float(page.locator('[data-kind="prompt"]').first.get_attribute("data-at"))
    assert at(page) == pytest.approx(first, abs=0.02)
    for _ in range(5):
        page.click('[data-zoom="1.5"]')
    page.evaluate(f"{REPLAY}.line.scroller.scrollLeft = 300")
    until(page, f"{REPLAY}.wave.getScroll() === 300")
    wide = page.evaluate(f"[{REPLAY}.line.wide.offsetWidth, {REPLAY}.wave.getWrapper().scrollWidth]")
    assert abs(wide[0] - wide[1]) <= 2


def test_a_note_is_written_at_a_moment_without_leaving_the_page_and_stands_on_the_time_line(visit, site):
    call = site.calls["wants_a_person"]
    page = visit(f"/calls/{call}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("m")
    assert "0:05" in page.inner_text("[data-note-at]")
    page.keyboard.type("Довго чекав")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".note-list >> text=Довго чекав")
    assert at(page) == pytest.approx(5, abs=0.01)  # the page was not loaded anew
    spot = place(page, "note")
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    page.mouse.click(spot["x"], spot["y"])
    assert at(page) == pytest.approx(5, abs=0.05)
    [note] = site.read(lambda conn: quality.notes(conn, call))
    assert (note.text, note.second, note.by) == ("Довго чекав", 5.0, "supervisor")
    page.click(".note-change summary")
    page.fill(f"#change-{note.id}", "Чекав хвилину")
    page.click(".note-change .button >> nth=0")
    page.wait_for_selector(".note-list >> text=Чекав хвилину")


def test_a_call_is_scored_with_a_moment_pinned(visit, site):
    call = site.calls["hung_up_half_way"]
    page = visit(f"/calls/{call}", Role.QUALITY)
    page.keyboard.press("ArrowRight")
    page.click(".score details > summary")
    for question in page.locator(".question").all():
        question.locator("input[value=yes]").check()
    page.locator(".question").nth(3).locator("input[value=partly]").check()
    page.locator(".question").nth(3).locator("[data-pin]").click()
    assert "0:05" in page.locator(".question").nth(3).locator("[data-pin]").inner_text()
    page.click(".score-form .button-primary")
    page.wait_for_selector(".score-list")
    [score] = site.read(lambda conn: quality.standing(conn, call))
    assert score.total == 95.0
    assert score.answers["tone"].second == pytest.approx(5.0, abs=0.01)
    assert place(page, "score")


def test_without_sound_the_page_says_why_and_everything_else_works(visit, site):
    call = site.calls["corrected"]
    site.write(lambda conn: calls.recording_erased(conn, call, "erasure asked for", datetime.now(UTC)))
    page = visit(f"/calls/{call}")
    assert "erasure asked for" in page.inner_text("[data-no-sound]")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert at(page) == pytest.approx(5, abs=0.01)
    assert place(page, "prompt")


def test_who_may_not_see_personal_data_gets_none_in_the_browser_either(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}", Role.QUALITY)
    assert "•" in page.inner_text("[data-events]")
    assert not re.search(r"\d{6}", page.inner_text("[data-events]"))


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_and_can_be_used_by_everybody(visit, site, accessible, shot, size, language, dark):
    if dark and language != "uk":
        pytest.skip("colours are the same in every language")
    page = visit(f"/calls/{site.calls['complaint_by_voice']}", language=language, size=size, dark=dark)
    drawn(page)
    assert page.faults == []
    accessible(page)
    looked_at_by_axe(page)
    fits(page)
    shot(page, f"replay-{language}-{size[0]}{'-dark' if dark else ''}")


def test_the_reason_is_asked_for_in_a_dialog_that_everybody_can_use(visit, site, accessible):
    page = visit(f"/calls/{site.calls['insisted']}")
    drawn(page)
    page.click("[data-play]")
    assert page.faults == []
    accessible(page)
    looked_at_by_axe(page)
    page.keyboard.press("Escape")
    assert not page.locator("[data-listen-dialog]").is_visible()


def test_an_hour_with_fifteen_hundred_events_opens_at_once(visit, site, capsys):
    """300 ms of the browser's processor for scripts, styles and layout until one can work with it: the time of the
    page's thread, since the clock measures what else this machine does, too; it is printed.  The server's part:
    tests/console/test_web_replay.py."""
    now = datetime.now(UTC)
    file = site.folder / "recordings/hour.wav"
    long_call.sound(file, 3600)
    digest, size = sha256(file.read_bytes()).hexdigest(), file.stat().st_size

    def job(conn):
        long_call.store(conn, "hour-1", now - timedelta(hours=2), seconds=3600, events=1500)
        calls.recording_sealed(
            conn, "hour-1", "recordings/hour.wav", sha256=digest, seconds=3600.0, bytes=size, at=now
        )

    site.write(job)
    page = visit("/calls/hour-1")
    drawn(page)  # the peaks are made now; they are there when a call was sealed
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    took = []
    for _ in range(5):
        page.wait_for_timeout(300)  # the page before is done
        page.reload(wait_until="commit")
        page.wait_for_selector("[data-replay][data-ready]")
        ready = busy(devtools)  # counted from the navigation on
        timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        server = timing["responseStart"] - timing["requestStart"]
        whole = float(page.get_attribute("[data-replay]", "data-ready")) - timing["responseStart"]
        drawn(page)
        took.append((ready, server, whole, page.evaluate("performance.now()")))
    ready, *_ = best = min(took)
    with capsys.disabled():
        print(
            f"\n  an hour: {ready:.0f} ms of the browser's processor; by the clock of this machine the server took"
            f" {best[1]:.0f} ms, the page could be worked with {best[2]:.0f} ms later, the waveform was drawn"
            f" after {best[3]:.0f} ms"
        )
    assert 0 < ready < 300


def busy(devtools):
    """Milliseconds of processor that scripts, styles and layout have taken since the navigation."""
    told = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return sum(told[name] for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")) * 1000
