"""`ivr prompts versions` and `undo`: what was changed in the console, from the command line."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from domain import wording
from domain.model import Language
from domain.store import Store
from domain.wording import Clip, Texts
from ivr.__main__ import main

UK = Language("uk")
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
CLIP = Clip("uk/goodbye", "Бувайте.", "falls", "a" * 64, 900, "Natalia")


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/hotline.db") as opened:
        yield opened


def published(store, text, prompt="goodbye"):
    def job(conn):
        made = wording.draft(conn, prompt, UK, Texts(text), by="olha", at=NOW, reason="коротше", clips=[CLIP])
        standing = wording.standing(conn, prompt, UK)
        wording.publish(conn, made, by="ivan", at=NOW, over=standing.id if standing else None)
        return made

    return store.write(job).result()


def ivr(tmp_path, *words):
    return CliRunner().invoke(main, ["prompts", *words, "--data", str(tmp_path)], env={"COLUMNS": "200"})


def heard(store, prompt="goodbye"):
    found = store.read(lambda conn: wording.standing(conn, prompt, UK)).result()
    return found and found.texts.text


def test_versions_are_listed_with_who_made_them(store, tmp_path):
    assert "nothing was changed" in ivr(tmp_path, "versions").output
    published(store, "Бувайте.")

    listed, of_one = ivr(tmp_path, "versions").output, ivr(tmp_path, "versions", "goodbye").output

    for text in (listed, of_one):
        assert all(word in text for word in ("uk/goodbye", "live", "olha", "Бувайте.", "30.11.2026 14:00"))
    assert "nothing was changed" in ivr(tmp_path, "versions", "goodbye", "--language", "ru").output


def test_undo_brings_back_what_was_heard_before_and_what_is_shipped(store, tmp_path):
    first = published(store, "Раз.")
    published(store, "Два.")

    said = ivr(tmp_path, "undo", "goodbye", "--reason", "скарги").output
    assert (heard(store), "callers hear: Раз." in said) == ("Раз.", True)
    assert ivr(tmp_path, "undo", "goodbye", "--shipped").exit_code == 0
    assert heard(store) is None
    assert ivr(tmp_path, "undo", "goodbye", "--to", str(first)).exit_code == 0
    assert heard(store) == "Раз."


def test_undo_of_nothing_and_of_the_notice_says_what_to_do(store, tmp_path):
    published(store, "Розмова записується, увага.", "notice")

    nothing, notice = ivr(tmp_path, "undo", "goodbye"), ivr(tmp_path, "undo", "notice")
    wrong = ivr(tmp_path, "undo", "notice", "--legal", "--to", "99")

    assert (nothing.exit_code, notice.exit_code, wrong.exit_code) == (1, 2, 1)
    assert "hear that already" in nothing.output
    assert "--legal" in notice.output
    assert "99" in wrong.output
    assert heard(store, "notice") == "Розмова записується, увага."
    assert ivr(tmp_path, "undo", "notice", "--legal").exit_code == 0
    assert heard(store, "notice") is None


def test_the_commands_of_the_package_are_there_too():
    told = CliRunner().invoke(main, ["prompts", "--help"]).output

    assert all(name in told for name in ("render", "check", "script", "versions", "undo", "uses"))
