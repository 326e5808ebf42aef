"""`ivr models`: what it says, what it does, and how it refuses."""

import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ivr.__main__ import main
from ivr.speech.models.shelf import PROOF

NAME = "vosk-model-test-uk"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IVR_DATA", str(tmp_path / "data"))


@pytest.fixture
def archive(tmp_path):
    shutil.copytree(PROOF, tmp_path / "in" / NAME)
    return shutil.make_archive(str(tmp_path / NAME), "zip", tmp_path / "in", NAME)


def models(*arguments):
    done = CliRunner().invoke(main, ["models", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_without_a_command_it_explains_and_lists():
    code, told = models()

    assert code == 0
    for name in ("vosk-model-small-uk-v3-small", "vosk-model-small-ru-0.22", "ivr models install", "keys only: en"):
        assert name in told
    [row] = [line for line in told.splitlines() if "proof-uk-ru" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["proof-uk-ru", "uk, ru", "12 MB", "348", "yes"]


def test_a_model_is_installed_listed_verified_and_removed(archive, tmp_path):
    code, told = models("install", archive, "--language", "uk")
    assert code == 0, told
    assert f"{NAME} is installed: " in told
    assert f"uk: {NAME}, 348 words; it knows " in told

    assert f"{NAME} │ uk " in models()[1]

    code, told = models("verify", NAME)
    assert code == 0
    assert told.startswith(f"uk: {NAME}, 348 words")
    assert "світло" in told, "every word that it lacks is named"

    code, told = models("remove", NAME)
    assert (code, told) == (0, f"{NAME} is removed\nuk: proof-uk-ru\n")
    assert NAME not in models()[1]


def test_verify_finds_a_file_that_was_changed_after_its_installation(archive, tmp_path):
    models("install", archive, "--language", "uk")
    with (tmp_path / "data" / "models" / NAME / "am" / "final.mdl").open("r+b") as file:
        file.seek(11_000_000)
        file.write(b"\0\0\0\0")

    code, told = models("verify")

    assert code == 1
    assert "its files are not what was installed from" in told
    assert "1 of these models can't be used" in told


def test_a_model_of_another_language_is_refused(archive):
    code, told = models("install", archive, "--language", "en")

    assert code == 1
    assert "knows none of the words that callers use in en: it is a model of another language" in told
    assert NAME not in models()[1]


def test_a_damaged_one_of_the_settings_is_listed_as_bad(archive, tmp_path, monkeypatch):
    bad = shutil.copytree(PROOF, tmp_path / "bad")
    (bad / "conf" / "model.conf").unlink()
    monkeypatch.setenv("IVR_MODELS__RU", str(bad))

    assert "conf/model.conf is missing" in models()[1]
    code, told = models("verify", str(bad))
    assert code == 1
    assert "conf/model.conf is missing" in told


def test_a_setting_that_overrules_the_installation_is_said(archive, monkeypatch):
    monkeypatch.setenv("IVR_MODELS__UK", "none")

    code, told = models("install", archive, "--language", "uk")

    assert code == 0
    assert "the setting `models` names another model for uk" in told


def test_the_options_of_the_group_count_for_its_commands_too(archive, tmp_path):
    elsewhere = tmp_path / "elsewhere"

    code, _ = models("--data", str(elsewhere), "install", archive, "--language", "ru")

    assert code == 0
    assert (elsewhere / "models" / NAME).is_dir()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("remove", "proof-uk-ru"), 1, "comes with the project and stays"),
        (("remove", "nothing"), 1, "no model 'nothing' is installed"),
        (("verify", "nothing"), 1, "no model 'nothing' is here; there are: proof-uk-ru"),
        (("install", "nothing.zip", "--language", "uk"), 1, "no such file, directory or installed model"),
        (("install", "nothing.zip"), 2, "--language"),
        (("install", "nothing.zip", "--language", "de"), 2, "'de' is not one of 'uk', 'ru', 'en'"),
    ],
)
def test_what_can_t_be_done_is_told(arguments, code, complaint):
    done, told = models(*arguments)

    assert done == code
    assert complaint in told


def test_a_model_that_a_running_hotline_uses_is_not_removed(archive, tmp_path):
    models("install", archive, "--language", "uk")
    lock = tmp_path / "data" / "exchange.lock"
    holder = (
        "import fcntl, sys; file = open(sys.argv[1], 'ab'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as hotline:
        assert hotline.stdout.readline() == b"held\n"

        code, told = models("remove", NAME)

        assert code == 1
        assert f"a hotline runs here, and {NAME} is what it understands speech with" in told
        hotline.stdin.close()
    assert models("remove", NAME)[0] == 0
