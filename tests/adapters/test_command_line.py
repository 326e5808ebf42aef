"""The command line says what it does, and what is wrong."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.__main__ import COMMANDS, main
from ivr.simulator.text import Keyboard

REPOSITORY = Path(__file__).parents[2]


def ivr(*arguments, **options):
    return CliRunner().invoke(main, arguments, **options)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command):
    result = ivr(command, "--help")

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


@pytest.mark.parametrize("options", [["--help"], ["-h"]])
def test_run_explains_itself_without_installing_anything(options):
    done = subprocess.run([REPOSITORY / "run", *options], capture_output=True, text=True, check=True)

    for option in ("--once", "--data DIR", "--sip-port", "--http-port", "--rtp-ports A-B"):
        assert option in done.stdout


def test_run_hands_on_paths_as_seen_from_where_its_user_stands(tmp_path):
    """On a copy of `run` beside a setup and a program that only tell what they are given."""
    for name, text in {
        "run": (REPOSITORY / "run").read_text(),
        "deploy/setup": "#!/bin/sh\n",
        ".venv/bin/ivr": '#!/bin/sh\npwd\necho "$@"\n',
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    here = tmp_path / "elsewhere"
    here.mkdir()

    done = subprocess.run(
        ["../project/run", "--data", "kept here", "--config", "my.toml"],
        cwd=here,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{here}\ndemo --data kept here --config my.toml\n"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_bad_settings_end_with_a_message_and_not_with_a_trace(command, tmp_path):
    (tmp_path / "bad.toml").write_text("capacity = 0")

    result = ivr(command, "--config", str(tmp_path / "bad.toml"))

    assert result.exit_code == 2
    assert "capacity" in result.output
    assert "Traceback" not in result.output


def test_what_asterisk_cannot_have_is_a_message_too(tmp_path, bundle_there):
    (tmp_path / "bad.toml").write_text('[asterisk]\nagents = ["not an address"]\nfoo = 1')

    result = ivr("up", "--config", str(tmp_path / "bad.toml"), "--data", str(tmp_path / "d"))

    assert result.exit_code == 2
    assert "asterisk.agents.0: Value error, 'not an address' is not a SIP address" in result.output
    assert "asterisk.foo" in result.output


@pytest.fixture
def bundle_there(monkeypatch, tmp_path):
    """As if Asterisk were installed; nothing here starts it."""
    from ivr.asterisk import bundle

    there = bundle.Bundle("22.10.1", tmp_path / "asterisk", tmp_path, tmp_path)
    monkeypatch.setattr(bundle, "install", lambda *_: there)


def test_a_call_to_a_scenario_that_is_not_there_says_so(tmp_path):
    result = ivr("call", str(tmp_path / "none.yaml"), "--to", "sip:hotline@127.0.0.1:5060")

    assert result.exit_code == 1
    assert "No such file" in result.output


def test_calls_stay_on_this_machine_unless_told_otherwise():
    scenario = str(REPOSITORY / "tests/conversations/one_reading.yaml")

    result = ivr("call", scenario, "--to", "sip:hotline@192.0.2.1:5060")

    assert result.exit_code == 1
    assert "not on this machine" in result.output


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("foo", "foo can't be called: "),
        ("sip:hotline@no.such.host.invalid", "can't be called: "),
        ("sip:hotline@127.0.0.1:99999", "is no address to call; write e.g. sip:hotline@127.0.0.1:5060"),
        ("tel:+380441110001", "is no address to call"),
        ("[/red]", "'[/red]' is no address to call"),
    ],
)
def test_an_address_that_cannot_be_called_is_a_message(address, complaint):
    result = ivr("call", str(REPOSITORY / "tests/conversations/one_reading.yaml"), "--to", address)

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert complaint in result.output


def test_a_store_that_is_none_and_a_page_without_marks_are_messages_too(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks")

    for arguments in (
        ("simulate", "--store", "nonsense"),
        ("simulate", "--store", f"sqlite:///{page}"),
        ("map", "meter_reading", "--write", str(page)),
        ("settings", "--write", str(page)),
    ):
        result = ivr(*arguments)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit), arguments
        assert result.output.startswith("ivr: "), arguments


def test_what_people_wrote_is_never_read_as_markup():
    result = ivr("simulate", "--script", "x[/red].yaml")

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "ivr: x[/red].yaml: No such file" in result.output


def test_a_conversation_at_the_keyboard():
    keyed = "1\n\n1000000083\n104700#\n700#\n1\n2\n"

    result = ivr("simulate", "--flow", "meter_reading", input=keyed)

    assert result.exit_code == 0, result.output
    assert "reading_taken" in result.output
    assert "104700" in result.output


def test_the_keyboard_knows_silence_hanging_up_and_what_is_no_key():
    class Line:
        playing = listening = False

    written = iter(["", "hello", "12#", "q"])
    keyboard = Keyboard(lambda _: next(written))

    assert keyboard.next(Line()).waits == 8.0
    assert keyboard.next(Line()).keys == "12#"
    assert type(keyboard.next(Line())).__name__ == "HangsUp"


def test_letters_at_the_keyboard_are_words_where_somebody_listens():
    class Line:
        playing, listening = False, True

    written = iter(["двадцять п'ять!", "bad", "25#"])
    keyboard = Keyboard(lambda _: next(written))

    assert keyboard.next(Line()).say == "двадцять п'ять"
    assert keyboard.next(Line()).say == "bad", "though telephones of exchanges have keys of that name"
    assert keyboard.next(Line()).keys == "25#"


def test_the_end_of_the_input_is_hanging_up():
    result = ivr("simulate", input="")

    assert "abandoned" in result.output


def test_the_map_of_a_flow_is_a_mermaid_diagram():
    result = ivr("map", "meter_reading")

    assert result.output.startswith("flowchart TD")
    assert "meter reading" in result.output

    result = ivr("map", "meter_reading", "--parts")

    assert "value single?" in result.output
