"""The audit log speaks words: every deed that the program notes, and every detail of it, in every language."""

import ast
import re
from html import unescape
from pathlib import Path

import pytest

import domain
import ivr
from domain import staff, trail
from domain.request_life import Act
from domain.roles import Role
from ivr.console.web.deeds import Deeds
from ivr.console.web.words import LANGUAGES, Tongue, words

DEED = re.compile(r"[a-z_]+\.[a-z_]+")
NOT_DETAILS = {"of", "reason", "at", "details"}


def noting(file):
    """What notes in this file."""
    return ("trail.note", "staff.note_refused", *(["_change"] if file.name == "staffing.py" else []))


def notes():
    """Every call in the source that notes a deed: the deeds that it may note, and the details that it gives."""
    for package in (domain, ivr):
        for file in sorted(Path(package.__path__[0]).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in noting(file):
                    yield file, node


def said(node):
    """The deeds of a call's arguments; None where another place names them."""
    found = [each.value for arg in node.args for each in ast.walk(arg) if isinstance(each, ast.Constant)]
    deeds = [each for each in found if isinstance(each, str) and DEED.fullmatch(each)]
    for arg in node.args:
        if isinstance(arg, ast.JoinedStr):
            assert ast.unparse(arg) == "f'request.{act}'", f"teach this test what {ast.unparse(arg)} may be"
            deeds += [f"request.{act}" for act in Act]
    return deeds


def test_every_deed_that_the_program_notes_has_words():
    t, found = Tongue("uk"), set()
    for file, node in notes():
        deeds = said(node)
        handed_on = any(isinstance(arg, ast.Name) and arg.id == "what" for arg in node.args)
        assert deeds or handed_on or ast.unparse(node.func) == "staff.note_refused", (file, node.lineno)
        found |= set(deeds)
    assert len(found) > 35, "the search finds them"
    for each in sorted(found):
        assert t.knows(f"trail.what_{each.replace('.', '_')}"), each
        assert t.knows(f"trail.thing_{each.partition('.')[0]}"), each


def test_every_detail_that_is_noted_has_a_name():
    names = {
        keyword.arg
        for _, node in notes()
        for keyword in node.keywords
        if keyword.arg and keyword.arg not in NOT_DETAILS
    }
    assert {"way", "needs", "filters"} <= names
    for each in sorted(names):
        assert Tongue("uk").knows(f"trail.detail_{each}"), each


@pytest.mark.parametrize("language", LANGUAGES)
def test_details_are_said_in_words(world, language):
    t = Tongue(language)

    def job(conn):
        at = world.now
        trail.note(conn, "boris", "signed.in", of="boris", at=at, address="10.0.0.1", way="password")
        trail.note(conn, "boris", "staff.role_changed", of="olena", at=at, before=Role.AGENT, after=Role.QUALITY)
        query = {"flows": ["meter_reading", "complaint"], "doubt": True, "since": "2026-11-30T09:00:00+00:00"}
        trail.note(conn, "boris", "list.exported", at=at, list="calls", query=query, masked=False)
        return trail.page(conn, size=3)

    exported, role, signed = world.write(job)
    deeds = Deeds(t, {"olena": "Олена Мельник"})
    assert t("trail.way_password") in deeds.details(signed)
    assert t("console.role_agent") in deeds.details(role) and deeds.of(role) == "Олена Мельник"
    told = deeds.details(exported)
    assert t("calls.flow_meter_reading") in told and "30.11.2026 11:00" in told and t("trail.no") in told
    for code in ("{", "[", "False", "True", "flows", "masked"):
        assert code not in told.replace(t("trail.detail_masked"), ""), (code, told)


def test_what_nobody_has_words_for_is_shown_as_it_is_noted(world):
    row = world.write(lambda c: trail.note(c, "x", "moon.painted", at=world.now, colour="red") and trail.page(c)[0])
    deeds = Deeds(Tongue("uk"), {})
    assert (deeds.what(row.what), deeds.details(row)) == ("moon.painted", "colour: red")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_names_people_and_deeds_and_offers_deeds_to_choose(world, language):
    t = Tongue(language)
    world.person(Role.AGENT, login="boris", name="Борис Лук'яненко")
    world.write(lambda c: trail.note(c, "boris", "recording.heard", of="c1", at=world.now))
    world.write(lambda c: trail.note(c, "boris", "recording.changed", of="c1", at=world.now))
    auditor = world.sign_in(Role.AUDITOR, language=language)
    page = unescape(auditor.get("/trail?what=recording").text)
    assert t("trail.what_recording_heard") in page and ">Борис Лук'яненко</span>" in page
    (select,) = re.findall(r'<select id="what".*?</select>', page, re.S)
    assert re.search(r'<option value="recording" selected>', select)
    assert f'<option value="recording.heard">{t("trail.what_recording_heard")}</option>' in select
    again = unescape(auditor.get("/trail?what=moon.painted").text)
    assert '<option value="moon.painted" selected>' in again, "a link with a deed that never was keeps its filter"


def test_a_colleagues_page_tells_what_was_done_to_their_account_in_words(world):
    world.person(Role.AGENT, login="boris")
    world.write(lambda c: staff.of_login(c, "boris"))
    world.write(lambda c: trail.note(c, "cli:root", "staff.enabled", of="boris", at=world.now))
    page = world.sign_in(Role.ADMINISTRATOR).get("/staff/boris").text
    assert Tongue("uk")("trail.what_staff_enabled") in page and "staff.enabled" not in page


def test_no_words_of_deeds_are_left_over():
    noted = {each.replace(".", "_") for _, node in notes() for each in said(node)}
    named = {key.removeprefix("trail.what_") for key in words() if key.startswith("trail.what_")}
    assert named == noted


def test_the_log_is_read_by_words_and_its_integrity_stands_below_it(world):
    page = world.sign_in(Role.AUDITOR).get("/trail").text
    rows = page[page.index("<tbody>") : page.index("</tbody>")]
    assert page.index("</tbody>") < page.index('id="whole"')
    assert ">signed.in<" not in rows and Tongue("uk")("trail.what_signed_in") in rows
