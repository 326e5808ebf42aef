"""Settings: from a file and the environment; a wrong one is a clear message."""

import pytest

from ivr.dialog import Manner
from ivr.service.settings import BadSettings, Settings, load


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IVR_DATA", raising=False)


def written(tmp_path, text):
    file = tmp_path / "s.toml"
    file.write_text(text, "utf-8")
    return file


def test_without_a_file_everything_has_a_default():
    settings = load()

    assert (settings.flow, settings.name, settings.capacity) == ("meter_reading", "a", 200)
    assert settings.store_url.startswith("sqlite:////")
    assert settings.store_url.endswith("/data/hotline.db")


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path, monkeypatch):
    file = written(tmp_path, 'sip_port = 5001\nhttp_port = 5002\nari_port = 5003\n[asterisk]\nlanguage = "ru"')
    monkeypatch.setenv("IVR_HTTP_PORT", "6002")
    monkeypatch.setenv("IVR_SIP_PORT", "6001")

    settings = load(file, sip_port=7001, http_port=None)

    assert (settings.sip_port, settings.http_port, settings.ari_port) == (7001, 6002, 5003)
    assert settings.asterisk == {"language": "ru"}


def test_a_file_called_hotline_toml_is_found(tmp_path):
    (tmp_path / "hotline.toml").write_text("capacity = 7")

    assert load().capacity == 7


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("capcity = 3", "capcity: no such setting; there are: data, store"),
        ("capacity = 0", "capacity: Input should be greater than or equal to 1 (it is 0)"),
        ("capacity = 'many'", "capacity: "),
        ("sip_port = 70000", "sip_port: "),
        ('rtp_ports = "a lot"', "rtp_ports: "),
        ('flow = "smalltalk"', "flow: there is no conversation 'smalltalk'; there are: meter_reading"),
        ("[questions.account]\npatience = 3", "questions: account: patience is no timer; there are: timeout"),
        ('[questions.account]\ntimeout = "long"', "questions: account: timeout = 'long' should be like 7.0"),
        ("[questions.account]\ntimeout = -1", "questions: account: timeout = -1 should be like 7.0"),
        ("[questions.account]\nbargein = 1", "questions: account: bargein = 1 should be like True"),
        ('name = "Ünser"', "name: "),
        ("= 3", "Invalid"),
    ],
)
def test_a_wrong_setting_is_named_with_the_file_and_the_reason(tmp_path, text, complaint):
    file = written(tmp_path, text)

    with pytest.raises(BadSettings) as refusal:
        load(file)

    assert str(refusal.value).startswith(f"{file}: ")
    assert complaint in str(refusal.value)


def test_a_file_that_is_asked_for_and_is_not_there_is_no_file_of_defaults(tmp_path):
    with pytest.raises(BadSettings, match="there is no such file"):
        load(tmp_path / "none.toml")


def test_rubbish_in_the_environment_is_a_message_too(monkeypatch):
    monkeypatch.setenv("IVR_QUESTIONS", "{not json")

    with pytest.raises(BadSettings):
        load()


def test_every_timer_of_a_question_can_be_set():
    for name in Manner.__slots__:
        assert Settings(questions={"account": {name: getattr(Manner(), name)}})


def test_every_setting_is_described():
    for name, field in Settings.model_fields.items():
        assert field.description, name
