"""What every page has: its frame, its language, its headers, its words."""

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from web_world import World

from domain.roles import Role
from ivr.console.web import look, words
from ivr.console.web.look import local
from ivr.console.web.words import LANGUAGES, Tongue, plural

WEB = Path(look.HERE)
KEYS = re.compile(r"""\bt\(\s*["']([a-z_]+\.[a-z_0-9]+)["']\s*[,)]""")
STARTS = re.compile(r"""\bt\(\s*["']([a-z_]+\.[a-z_0-9]*)["']\s*~""")


def test_the_vendored_libraries_are_what_their_authors_published():
    folder = WEB / "static/vendor"
    listed = tomllib.loads((folder / "vendored.toml").read_text("utf-8"))
    files = {name: digest for library in listed.values() for name, digest in library["files"].items()}

    there = {file.name for file in folder.iterdir()} - {"vendored.toml", "LICENSES.txt"}
    assert there == files.keys()
    for name, digest in files.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == digest, name
    licences = (folder / "LICENSES.txt").read_text("utf-8")
    for name, library in listed.items():
        assert f"{name} {library['version']}" in licences


def test_every_word_is_there_in_every_language():
    assert words.words()
    for key, texts in words.words().items():
        assert set(texts) == set(LANGUAGES), key
        for language, text in texts.items():
            forms = text.values() if isinstance(text, dict) else [text]
            assert all(isinstance(form, str) and form for form in forms), key
            if isinstance(text, dict):
                assert {"one", "many"} <= text.keys() <= {"one", "few", "many"}, key
                assert language == "en" or "few" in text, key


def test_the_same_places_are_in_every_language_of_a_word():
    for key, texts in words.words().items():
        places = [
            {
                place
                for form in (text.values() if isinstance(text, dict) else [text])
                for place in re.findall(r"\{(\w+)", form)
            }
            for text in texts.values()
        ]
        assert all(each == places[0] for each in places), key


def test_templates_and_pages_say_only_words_that_exist():
    known = words.words()
    for file in [*WEB.rglob("*.html"), *WEB.glob("*.py")]:
        text = file.read_text("utf-8")
        for key in KEYS.findall(text):
            assert key in known, f"{file.name}: {key}"
        for start in STARTS.findall(text):
            assert any(key.startswith(start) for key in known), f"{file.name}: {start}..."


def test_nothing_in_a_template_needs_inline_code():
    for file in WEB.rglob("*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"\sstyle\s*=", text), file.name
        assert not re.search(r"\son[a-z]+\s*=", text), file.name
        assert not re.search(r"javascript:", text), file.name
        for script in re.findall(r"<script\b[^>]*>", text):
            assert "src=" in script or 'type="application/json"' in script, f"{file.name}: {script}"
        assert "<style" not in text, file.name
        assert not re.search(r"""(src|href)=["']https?:""", text), file.name


@pytest.mark.parametrize(
    ("n", "form"),
    [(0, "many"), (1, "one"), (2, "few"), (5, "many"), (11, "many"), (12, "many"), (21, "one"), (104, "few")],
)
def test_plurals_are_those_of_slavic_languages(n, form):
    assert plural("uk", n) == form == plural("ru", n)


def test_a_missing_word_is_shown_as_its_key_and_harms_nobody():
    assert Tongue("uk")("console.no_such_thing") == "console.no_such_thing"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("/calls?x=1", "/calls?x=1"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/"),
        ("javascript:alert(1)", "/"), (None, "/"), ("", "/"), ("/a\r\nSet-Cookie: x", "/"),
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(url, where):
    assert local(url) == where


def test_a_page_keeps_itself_to_itself(world):
    answer = world.sign_in(Role.SUPERVISOR).get("/no-such-page")

    assert answer.status_code == 404
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_nonce_is_never_used_twice(world):
    client = world.nobody()
    first, second = (client.get("/healthz").headers["content-security-policy"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_browser_has_the_language_that_was_chosen_in_it(world, language):
    client = world.sign_in(Role.SUPERVISOR, language="uk")
    client.post("/language", {"language": language, "next": "/healthz"})
    answer = client.get("/no-such-page")
    assert f'<html lang="{language}"' in answer.text
    assert Tongue(language)("console.fault_404") in answer.text


def test_a_static_file_is_kept_for_ever_and_its_address_changes_with_it(world):
    address = look.static("console.css")
    answer = world.nobody().get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert sha256(answer.content).hexdigest()[:12] in address


def test_with_https_cookies_stay_on_this_host(tmp_path):
    world = World(tmp_path, https=True)
    try:
        answer = world.nobody().post("/language", {"language": "en", "next": "/healthz"}, follow=False)
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"]
    finally:
        world.close()


def test_a_long_page_comes_in_pieces_the_first_of_which_is_small():
    made = [f"<li>{n} їжак</li>" for n in range(20_000)]
    found = list(look.pieces(iter(made)))
    assert b"".join(found).decode() == "".join(made)
    assert look.FIRST_PIECE <= len(found[0].decode()) < look.FIRST_PIECE + 100
    assert {len(piece.decode()) // look.PIECE for piece in found[1:-1]} == {1}
    assert list(look.pieces(iter([]))) == [b""]
