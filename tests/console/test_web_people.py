"""People are called by their names on every page, whatever the store calls them."""

from datetime import timedelta

import pytest

from domain import quality, staff, staffing
from domain.desk import SwitchOn
from domain.handlers import perform
from domain.roles import Role
from domain.store import StoreFault
from tests.console.test_web_home import busy  # noqa: F401

NAME = "Оксана Гнатюк"


@pytest.fixture
def oksana(world):
    return world.sign_in(Role.SUPERVISOR, login="o.hnatiuk", name=NAME)


def test_who_wrote_and_who_switched_on_are_called_by_name(world, oksana):
    world.call(id="c1")
    world.write(lambda c: quality.note(c, "c1", None, "повільно", by="o.hnatiuk", at=world.now))
    world.write(lambda c: perform(c, SwitchOn("outage_known"), call=None, seq=None, at=world.now, by="o.hnatiuk"))
    reader = world.sign_in(Role.SUPERVISOR, login="another", name="Інша Особа")
    for path in ("/", "/calls/c1", "/prompts/announcements"):
        page = reader.get(path).text
        assert NAME in page, path
        assert ">o.hnatiuk<" not in page and "· o.hnatiuk ·" not in page, path
    assert f'<span title="o.hnatiuk">{NAME}</span>' in reader.get("/").text


def test_who_did_what_about_a_request_is_called_by_name(busy, oksana):  # noqa: F811
    busy.person(Role.SUPERVISOR, name="Павло Коваль")
    page = oksana.get(f"/requests/{busy.number}").text
    assert '<span title="supervisor">Павло Коваль</span>' in page


def test_the_command_line_and_systems_stay_as_they_are(world, oksana):
    world.write(lambda c: perform(c, SwitchOn("outage_known"), call=None, seq=None, at=world.now, by="cli:root"))
    assert "cli:root" in oksana.get("/").text


def test_a_name_is_text_and_never_markup(world):
    reader = world.sign_in(Role.SUPERVISOR, login="bold", name="<b>Лихо</b>")
    world.write(lambda c: perform(c, SwitchOn("outage_known"), call=None, seq=None, at=world.now, by="bold"))
    assert "<b>Лихо" not in reader.get("/").text


def test_a_colleague_added_now_is_known_in_a_moment_and_one_who_left_stays_known(world, oksana):
    oksana.get("/")
    person = world.person(Role.AGENT, login="new", name="Нова Людина")
    world.write(lambda c: perform(c, SwitchOn("outage_known"), call=None, seq=None, at=world.now, by="new"))
    world.write(lambda c: staffing.disable(c, person.login, by="o.hnatiuk", at=world.now + timedelta(seconds=1)))
    world.passes(seconds=6)
    assert "Нова Людина" in oksana.get("/").text


def test_names_are_read_once_in_a_while_and_a_store_that_fails_keeps_no_page(world, oksana, monkeypatch):
    read = []
    names = staff.names
    monkeypatch.setattr(staff, "names", lambda conn: read.append(1) or names(conn))
    for _ in range(3):
        assert oksana.get("/").status_code == 200
    assert len(read) == 1
    world.passes(seconds=6)

    def broken(conn):
        raise StoreFault("out of order")

    monkeypatch.setattr(staff, "names", broken)
    assert NAME in oksana.get("/").text
