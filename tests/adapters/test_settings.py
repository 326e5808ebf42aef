"""Settings: from a file and the environment; a wrong one is a clear message."""

from dataclasses import fields

import pytest

from ivr.asterisk.config import AsteriskConfig, Trunk
from ivr.commands.settings import OURS, tables
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

    assert (settings.flow, settings.name, settings.capacity) == ("main_menu", "a", 200)
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
        ('flow = "smalltalk"', "flow: there is no conversation 'smalltalk'; there are: main_menu, meter_reading"),
        ("[questions.account]\npatience = 3", "questions: account: patience is no timer; there are: timeout"),
        ('[questions.account]\ntimeout = "long"', "questions: account: timeout = 'long' should be like 7.0"),
        ("[questions.account]\ntimeout = -1", "questions: account: timeout = -1 should be like 7.0"),
        ("[questions.account]\nbargein = 1", "questions: account: bargein = 1 should be like True"),
        (
            "[questions.account]\nconfidencelevel = 1.5",
            "questions: account: confidencelevel = 1.5 should be like 0.5",
        ),
        ('[models]\nde = "vosk-model-small-de"', "models: 'de' is no language of ours; there are: uk, ru, en"),
        ("speech_workers = 0", "speech_workers: "),
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


def test_speech_is_set_as_a_whole_by_language_and_by_question(tmp_path, monkeypatch):
    assert (load().speech, load().models, load().speech_workers) == (True, {}, None)

    monkeypatch.setenv("IVR_MODELS__UK", "/srv/models/uk")
    monkeypatch.setenv("IVR_SPEECH_WORKERS", "4")
    settings = load(written(tmp_path, 'speech = false\n[models]\nru = "none"\n[questions.account]\nspeech = false'))

    assert (settings.speech, settings.speech_workers) == (False, 4)
    assert settings.models == {"uk": "/srv/models/uk", "ru": "none"}
    assert settings.questions["account"]["speech"] is False


def test_every_timer_of_a_question_can_be_set():
    for name in Manner.__slots__:
        assert Settings(questions={"account": {name: getattr(Manner(), name)}})


def test_every_setting_is_described():
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_everything_that_can_be_set_of_asterisk_and_of_a_question_is_described_too():
    for model in (AsteriskConfig, Trunk):
        for name, field in model.model_fields.items():
            assert field.description or name in OURS, name
    for field in fields(Manner):
        assert field.metadata["meaning"], field.name


def test_the_page_of_settings_names_the_questions_and_what_the_conversations_set_themselves():
    page = tables()

    assert "`confidencelevel = 0.1`, `surelevel = 1.01` |" in page.partition("| `account` |")[2].splitlines()[0]
    assert "| `languages` | `timeout = 4.0`, `tries = 2`, `speech = false` |" in page
    assert "| `value_night` | `timeout = 12.0`, `interdigittimeout = 5.0`, `termtimeout = 2.5`, " in page
    assert "| `doubtful_lower` | `bargein = false`, `typeahead = false` |" in page


# What looks like a setting and is none


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[questions.acount]\ntimeout = 10.0", "questions: acount: there is no such prompt; did you mean account?"),
        ("[questions.account]\ntimeout = nan", "questions: account: timeout = nan should be like 7.0"),
        ("[questions.account]\ntimeout = inf", "questions: account: timeout = inf should be like 7.0"),
        ("[questions.account]\ntries = 0", "questions: account: tries = 0 should be like 3, at least 1"),
        ("[questions.account]\ntries = 2.5", "questions: account: tries = 2.5 should be like 3"),
        ('[questions.account]\ntermchar = "##"', "questions: account: termchar = '##' is not one key"),
        ("drain = inf", "drain: "),
        ('rtp_ports = "30000-20000"', "rtp_ports: the first port comes before the last"),
        (
            'rtp_ports = "20000-99999"',
            "rtp_ports: the first port comes before the last, and both lie between 1024 and",
        ),
        ('rtp_ports = "20001-20100"', "rtp_ports: the first port is an even one"),
        ('[asterisk]\nspol = "x"', "asterisk.spol: "),
        ("[asterisk]\nagent_seconds = 0", "asterisk.agent_seconds: "),
        ("[asterisk.trunk]\nhosts = []", "asterisk.trunk.hosts: "),
    ],
)
def test_what_would_have_no_effect_or_a_mad_one_is_refused(tmp_path, text, complaint):
    file = written(tmp_path, text)

    with pytest.raises(BadSettings) as refusal:
        load(file)

    assert f"{file}: {complaint}" in str(refusal.value)


@pytest.mark.parametrize("name", ["IVR_CAPACTY", "ivr_capacty", "IVR_CAPACITY__MOST", "IVR_CONFIG"])
def test_a_variable_that_looks_like_a_setting_and_is_none_is_named(monkeypatch, name):
    monkeypatch.setenv(name, "4")

    with pytest.raises(BadSettings, match=f"{name} in the environment: no such setting"):
        load()


def test_variables_that_are_read_elsewhere_are_let_be(monkeypatch):
    monkeypatch.setenv("IVR_APT_MIRROR", "elsewhere")
    monkeypatch.setenv("IVR_TEST_CALLS", "3")
    monkeypatch.setenv("IVR_CAPACITY", "")

    assert load().capacity == 200


def test_text_from_the_environment_becomes_what_the_timer_is(tmp_path, monkeypatch):
    file = written(tmp_path, "[questions.account]\ntries = 5")
    for name, value in {"TIMEOUT": "10", "BARGEIN": "false", "TERMCHAR": "#"}.items():
        monkeypatch.setenv(f"IVR_QUESTIONS__ACCOUNT__{name}", value)

    own = load(file).questions["account"]

    assert own == {"tries": 5, "timeout": 10.0, "bargein": False, "termchar": "#"}
    assert type(own["timeout"]) is float


def test_a_timer_in_the_environment_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("IVR_QUESTIONS__ACCOUNT__TIMEOUT", "nan")

    with pytest.raises(BadSettings, match="account: timeout = 'nan' should be like"):
        load()


@pytest.mark.parametrize("password", ["12345", "true", "null", '"quoted"', "[1]"])
def test_a_password_stays_the_text_that_it_is(monkeypatch, password):
    monkeypatch.setenv("IVR_ASTERISK__TRUNK__HOSTS", "192.0.2.1")
    monkeypatch.setenv("IVR_ASTERISK__TRUNK__USERNAME", "380441234567")
    monkeypatch.setenv("IVR_ASTERISK__TRUNK__PASSWORD", password)

    assert load().asterisk["trunk"]["password"] == password


@pytest.mark.parametrize("agents", ['["sip:1@pbx", "sip:2@pbx:5070"]', "sip:1@pbx, sip:2@pbx:5070"])
def test_agents_can_be_given_in_the_environment(monkeypatch, tmp_path, agents):
    monkeypatch.setenv("IVR_ASTERISK__AGENTS", agents)
    places = dict.fromkeys(("run", "modules", "share", "sounds", "spool", "ctl"), tmp_path)
    ports = {"sip_port": 5060, "http_port": 8088, "rtp_first": 20000, "rtp_last": 20999}

    config = AsteriskConfig(**places, **ports, ari_password="x", **load().asterisk)

    assert config.agents == ("sip:1@pbx", "sip:2@pbx:5070")


def test_an_agent_in_the_environment_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("IVR_ASTERISK__AGENTS", "tel:1")

    with pytest.raises(BadSettings, match=r"asterisk.agents.0: .*is not a SIP address"):
        load()


def test_a_whole_group_can_be_given_as_json(monkeypatch):
    monkeypatch.setenv("IVR_QUESTIONS", '{"account": {"timeout": 9}}')
    monkeypatch.setenv("IVR_ASTERISK", '{"trunk": {"hosts": ["192.0.2.1"]}}')

    settings = load()

    assert settings.questions == {"account": {"timeout": 9.0}}
    assert settings.asterisk == {"trunk": {"hosts": ["192.0.2.1"]}}
