"""What Asterisk is told: every rule that a template must keep, for every configuration we can think of."""

import re
import socket
import stat
from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from ivr.asterisk import config as configuration
from ivr.asterisk import ports
from ivr.asterisk.bundle import Bundle
from ivr.asterisk.config import KEEP_SECRETS, AsteriskConfig, Trunk, new_secret, render, write
from ivr.asterisk.server import configure, control_directory

TRUNK = {
    "hosts": ("sip.provider.example", "192.0.2.0/28"),
    "registrar": "sip.provider.example:5080",
    "username": "grid",
    "password": "s3cret",
    "number": "380441234567",
}
AGENTS = ("sip:101@pbx.example:5070", "sip:102@192.0.2.9")


def make(**others: Any) -> AsteriskConfig:
    fields: dict[str, Any] = {
        "run": Path("/r"),
        "modules": Path("/m"),
        "share": Path("/s"),
        "sounds": Path("/p"),
        "spool": Path("/r/raw"),
        "ctl": Path("/r"),
        "sip_port": 5060,
        "http_port": 8088,
        "rtp_first": 10000,
        "rtp_last": 10999,
        "ari_password": "for-the-test",
    }
    return AsteriskConfig(**(fields | others))


EVERY_CONFIG = [
    make(),
    make(loopback_endpoints=True),
    make(agents=AGENTS),
    make(
        trunk=TRUNK, agents=AGENTS, loopback_endpoints=True, external_address="192.0.2.7", local_nets=["10.0.0.0/8"]
    ),
    make(trunk={"hosts": ["192.0.2.1"]}, sip_bind="0.0.0.0", http_bind="127.0.0.2"),  # noqa: S104
]


def sections(text: str) -> list[tuple[str, str, dict[str, list[str]]]]:
    """(name, template it is based on, values) of each section of an Asterisk file."""
    found: list[tuple[str, str, dict[str, list[str]]]] = []
    for line in text.splitlines():
        line = line.partition(";")[0].strip()
        if header := re.fullmatch(r"\[([^\]]+)\](?:\((.*)\))?", line):
            found.append((header[1], header[2] or "", defaultdict(list)))
        elif "=" in line:
            name, _, value = line.partition("=")
            found[-1][2][name.strip()].append(value.removeprefix(">").strip())
    return found


def endpoints(config: AsteriskConfig) -> dict[str, dict[str, list[str]]]:
    """Endpoint name -> its values, those of its template included."""
    pieces = sections(render(config)["pjsip.conf"])
    common = next(values for name, _, values in pieces if name == "common")
    return {name: {**common, **values} for name, base, values in pieces if base == "common"}


def dialplan(config: AsteriskConfig) -> dict[str, list[tuple[str, str]]]:
    """Context -> (extension, application with its arguments), in order."""
    contexts: dict[str, list[tuple[str, str]]] = {}
    context = extension = ""
    for line in render(config)["extensions.conf"].splitlines():
        line = line.strip()
        if header := re.fullmatch(r"\[(\w+)\]", line):
            context = header[1]
            contexts[context] = []
        elif step := re.fullmatch(r"(?:exten => (\S+?),1|same => n(?:\(\w+\))?),(.*)", line):
            extension = step[1] or extension
            contexts[context].append((extension, step[2]))
    return contexts


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_every_template_renders_and_leaves_no_hole(config: AsteriskConfig):
    for name, text in render(config).items():
        assert "{{" not in text, name
        assert "{%" not in text, name
        assert "None" not in text, name


def test_nothing_listens_beyond_loopback_unless_configured():
    texts = render(make(loopback_endpoints=True, agents=AGENTS))
    for name, text in texts.items():
        for address in re.findall(r"(?:bind|bindaddr|media_address)\s*=\s*([\d.]+)", text):
            assert ip_address(address).is_loopback, name
    assert "0.0.0.0" not in re.sub("deny = .*", "", "".join(texts.values()))  # noqa: S104
    for name, values in endpoints(make(loopback_endpoints=True, agents=AGENTS)).items():
        assert values["bind_rtp_to_media_address"] == ["yes"], name


def test_a_configured_address_is_bound():
    texts = render(make(sip_bind="192.0.2.7", http_bind="192.0.2.8"))
    assert "bind = 192.0.2.7:5060" in texts["pjsip.conf"]
    assert "media_address = 192.0.2.7" in texts["pjsip.conf"]
    assert "bindaddr = 192.0.2.8" in texts["http.conf"]


def test_without_trunk_agents_or_tests_there_is_no_endpoint_at_all():
    assert endpoints(make()) == {}


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_there_is_never_an_anonymous_endpoint(config: AsteriskConfig):
    assert "anonymous" not in endpoints(config)
    assert "res_pjsip_endpoint_identifier_anonymous" not in configuration.MODULES


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_only_loopback_test_endpoints_are_known_by_name(config: AsteriskConfig):
    by_name = {name for name, values in endpoints(config).items() if values["identify_by"] != ["ip"]}
    assert by_name == ({"rfc4733", "inband", "info"} if config.loopback_endpoints else set())
    for name in by_name:
        values = endpoints(config)[name]
        assert values["dtmf_mode"] == [name]
        assert values["deny"] == ["0.0.0.0/0.0.0.0"]
        assert values["permit"] == ["127.0.0.0/255.0.0.0"]


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_a_call_can_enter_only_where_it_meets_no_dial(config: AsteriskConfig):
    entries = {values["context"][0] for values in endpoints(config).values()} | {"incoming"}
    assert entries <= {"incoming", "nowhere"}
    plan = dialplan(config)
    assert plan["nowhere"] == []
    leaving = {
        application for _, application in plan["incoming"] if application.startswith(("Goto", "Gosub", "Dial"))
    }
    assert leaving == {"Goto(call,s,1)"}


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_the_only_dial_is_to_configured_agents(config: AsteriskConfig):
    dials = [(context, step) for context, steps in dialplan(config).items() for _, step in steps if "Dial(" in step]
    assert [context for context, _ in dials] == (["agents"] if config.agents else [])
    for _, dial in dials:
        target, seconds, options = dial.removeprefix("Dial(").removesuffix(")").split(",")
        assert target.split("&") == [f"PJSIP/agent/{uri}" for uri in config.agents]
        assert int(seconds) == config.agent_seconds
        assert "i" in options, "an agent's phone must not forward the call to anywhere"
        assert not set(re.sub(r"\(.*?\)", "", options)) & set("tTkKwWxXhHdG"), (
            "no party may transfer, park, record or dial on"
        )
    assert "${" not in "".join(dial for _, dial in dials), "nothing that a caller chose is dialled"


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_no_context_includes_another(config: AsteriskConfig):
    assert not re.search(r"^\s*(include|switch|ignorepat)\s*=", render(config)["extensions.conf"], re.MULTILINE)


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_every_goto_has_a_target(config: AsteriskConfig):
    text = render(config)["extensions.conf"]
    plan = dialplan(config)
    for context, extension in re.findall(r"Goto\((\w+),(\w+),1\)", text):
        assert extension in {name for name, _ in plan[context]}
    for context in ("call", "agents", "ear", "over"):
        assert "T" in {name for name, _ in plan[context]}, f"{context} has no way out when time is over"


def test_the_caller_is_filtered_before_anything_uses_the_extension():
    plan = dialplan(make())
    for _, step in plan["incoming"]:
        assert "${EXTEN}" not in step or step == "Set(IVR_DIALLED=${FILTER(+0-9,${EXTEN})})"
    raw = [step for steps in plan.values() for _, step in steps if "CALLERID(num)" in step]
    assert raw[0] == "Set(IVR_CALLER=${FILTER(+0-9,${CALLERID(num)})})"
    assert all("${LEN(${CALLERID(num)})}" in step and step.count("CALLERID(num)") == 1 for step in raw[1:])


def test_a_caller_without_controller_and_agents_hears_an_apology_and_that_nobody_is_free():
    plan = dialplan(make())
    after = [step for extension, step in plan["call"] if extension == "s"]
    after = after[next(i for i, step in enumerate(after) if step.startswith("StasisBroadcast")) :]

    assert [step for step in after if step.startswith(("Playback", "Goto("))] == [
        "Playback(ivr/${IVR_LANGUAGE}/apology)",
        "Goto(agents,s,1)",
    ]
    assert [step for _, step in plan["agents"] if step.startswith(("Playback", "Dial"))] == [
        "Playback(ivr/${IVR_LANGUAGE}/agents_busy)"
    ]


def test_the_log_of_call_events_has_no_number_of_a_caller():
    assert "CALLERID" not in re.sub(r"^;.*$", "", render(make())["cel_custom.conf"], flags=re.MULTILINE)


def test_the_call_is_limited_answered_recorded_and_offered_in_this_order():
    steps = [step for extension, step in dialplan(make(longest_call=77))["call"] if extension == "s"]
    order = ["Set(TIMEOUT(absolute)=77)", "Answer(,i)", "MixMonitor(/r/raw/${UNIQUEID}.raw,D)", "StasisBroadcast("]
    places = [next(place for place, step in enumerate(steps) if step.startswith(wanted)) for wanted in order]
    assert places == sorted(places)
    assert "StasisBroadcast(700,^ivr-,${IVR_DIALLED}:${IVR_CALLER})" in steps


def test_calls_are_counted_by_the_dialplan_since_asterisk_counts_what_listens_to_them_too():
    steps = [step for extension, step in dialplan(make(max_calls=7))["call"] if extension == "s"]
    assert steps[:2] == ["Set(GROUP(ivr)=calls)", "GotoIf($[${GROUP_COUNT(calls@ivr)} > 7]?full)"]
    assert steps[-1] == "Hangup(42)", "503, as when Asterisk itself has no room"
    assert "maxcalls = 21" in render(make(max_calls=7))["asterisk.conf"]


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_what_a_caller_says_goes_where_a_controller_says_and_no_caller_gets_there(config: AsteriskConfig):
    plan = dialplan(config)
    sockets = [(context, step) for context, steps in plan.items() for _, step in steps if "AudioSocket" in step]
    assert [context for context, _ in sockets] == ["ear"]
    uuid = "0123456789abcdef0123456789abcdef"
    written = re.sub(
        r"\$\{EXTEN:(\d+)(?::(\d+))?\}",
        lambda part: f"{uuid}127.0.0.1:4711"[int(part[1]) :][: int(part[2]) if part[2] else None],
        sockets[0][1],
    )
    assert written == "AudioSocket(01234567-89ab-cdef-0123-456789abcdef,127.0.0.1:4711)"
    elsewhere = [step for context, steps in plan.items() if context != "ear" for _, step in steps]
    assert not [step for step in elsewhere if re.search(r"\bear\b", step)]
    assert "ear" not in {values["context"][0] for values in endpoints(config).values()}


def test_a_trunk_is_known_by_its_addresses_and_registers():
    pieces = sections(render(make(trunk=TRUNK))["pjsip.conf"])
    kinds = {values["type"][0]: values for name, _, values in pieces if name == "trunk" and "type" in values}
    assert kinds["identify"]["match"] == ["sip.provider.example", "192.0.2.0/28"]
    assert kinds["registration"]["client_uri"] == ["sip:grid@sip.provider.example:5080"]
    assert kinds["registration"]["contact_user"] == ["380441234567"]
    assert kinds["auth"]["password"] == ["s3cret"]


def test_modules_are_loaded_by_name_only_and_pubsub_before_chan_pjsip():
    (modules,) = sections(render(make())["modules.conf"])
    assert modules[2]["autoload"] == ["no"]
    loaded = modules[2]["require"]
    assert len(loaded) == len(set(loaded))
    assert loaded.index("res_pjsip_pubsub.so") < loaded.index("chan_pjsip.so")
    for dangerous in ("app_system", "func_shell", "app_originate", "res_pjsip_refer", "pbx_spool", "res_agi"):
        assert f"{dangerous}.so" not in loaded


@pytest.mark.parametrize(
    "others",
    [
        {"run": Path("relative")},
        {"spool": Path("/r/a;b")},
        {"spool": Path("/r/a,b")},
        {"sounds": Path("/r/${EXTEN}")},
        {"sounds": Path("/r/a\nb")},
        {"ari_password": "with blank"},
        {"ari_password": "semi;colon"},
        {"ari_user": "a]b"},
        {"ari_user": ""},
        {"agents": ["sip:101@pbx&PJSIP/trunk/sip:1@elsewhere"]},
        {"agents": ["sip:101@pbx,30"]},
        {"agents": ["tel:101"]},
        {"agents": ["sip:101@pbx\n"]},
        {"trunk": {"hosts": []}},
        {"trunk": {"hosts": ["a b"]}},
        {"trunk": {"hosts": ["a"], "username": "u"}},
        {"trunk": {"hosts": ["a"], "registrar": "b"}},
        {"rtp_first": 10001},
        {"rtp_first": 11000, "rtp_last": 10999},
        {"sip_port": 10500},
        {"sip_port": 0},
        {"language": "ukr"},
        {"longest_call": 0},
        {"typo": 1},
    ],
)
def test_a_value_that_a_file_could_misread_is_refused(others: dict[str, Any]):
    with pytest.raises(ValidationError):
        make(**others)


# --- the run directory ---------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    share = tmp_path / "share"
    (share / "documentation").mkdir(parents=True)
    return Bundle("22.10.1", tmp_path / "asterisk", tmp_path / "modules", share)


@pytest.fixture
def slot() -> ports.Ports:
    return ports.reserve()


def test_secrets_differ_from_run_to_run(bundle: Bundle, slot: ports.Ports, tmp_path: Path):
    a, b = (configure(bundle, tmp_path / name, sounds=tmp_path, ports=slot) for name in "ab")
    assert a.ari_password != b.ari_password
    assert len(a.ari_password.get_secret_value()) >= 32


def test_files_with_secrets_are_their_owners_alone(bundle: Bundle, slot: ports.Ports, tmp_path: Path):
    config = configure(bundle, tmp_path / "run", sounds=tmp_path, ports=slot)
    (tmp_path / "run/etc").mkdir(parents=True)
    (tmp_path / "run/etc/ari.conf").write_text("left by somebody, readable by all")
    write(config)
    assert stat.S_IMODE(config.run.stat().st_mode) == 0o700
    assert stat.S_IMODE(config.spool.stat().st_mode) == 0o700
    for file in (config.run / "etc").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert config.ari_password.get_secret_value() in (config.run / "etc/ari.conf").read_text()


def test_every_directory_is_below_the_run_directory(bundle: Bundle, slot: ports.Ports, tmp_path: Path):
    config = configure(bundle, tmp_path / "run", sounds=tmp_path, ports=slot)
    for name, _, values in sections(render(config)["asterisk.conf"]):
        if name == "directories":
            for directory, (place,) in values.items():
                assert place == str(bundle.modules) or Path(place).is_relative_to(config.run), directory


def test_prompts_are_found_under_sounds_ivr_and_move_with_the_setting(
    bundle: Bundle, slot: ports.Ports, tmp_path: Path
):
    for name in ("old", "new"):
        (tmp_path / name / "uk").mkdir(parents=True)
        write(configure(bundle, tmp_path / "run", sounds=tmp_path / name, ports=slot))
        assert (tmp_path / "run/share/sounds/ivr/uk").resolve() == tmp_path / name / "uk"


def test_a_password_is_shown_nowhere_but_in_the_file_that_keeps_it():
    config = make(trunk=TRUNK)
    for shown in (repr(config), str(config), config.model_dump_json()):
        assert "for-the-test" not in shown
        assert "s3cret" not in shown
    again = AsteriskConfig.model_validate_json(config.model_dump_json(context=KEEP_SECRETS))
    assert again == config
    assert again.trunk == Trunk(**TRUNK)


def test_new_secrets_pass_their_own_check():
    for _ in range(50):
        secret = new_secret()
        assert isinstance(secret, SecretStr)
        make(ari_password=secret)


def test_a_control_socket_with_too_long_a_path_moves_to_a_short_one(tmp_path: Path):
    assert control_directory(tmp_path) == tmp_path
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    short = control_directory(deep)
    assert len(str(short / "asterisk.ctl")) <= 107
    assert control_directory(deep) == short
    assert control_directory(deep / "z") != short
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    for folder in (short, control_directory(deep / "z")):
        folder.rmdir()


# --- ports ---------------------------------------------------------------------------------------------


def test_two_reservations_never_overlap():
    slots = [ports.reserve() for _ in range(3)]
    taken = [{slot.sip, slot.http, *range(slot.rtp_first, slot.rtp_last + 1)} for slot in slots]
    assert len(set.union(*taken)) == sum(map(len, taken)) == 3 * ports.SLOT
    for slot in slots:
        assert slot.rtp_first % 2 == 0
        assert (slot.rtp_last - slot.rtp_first) % 2 == 1, "an RTP port and its RTCP port"
        slot.release()


def test_a_slot_with_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch):
    slot = ports.reserve()
    slot.release()
    monkeypatch.setattr(ports, "SLOTS", range(slot.sip, slot.sip + ports.SLOT, ports.SLOT))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", slot.rtp_first + 8))
        with pytest.raises(ports.NoFreePorts):
            ports.reserve()
    ports.reserve().release()


def test_a_port_in_use_is_named():
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(ports.PortTaken, match=f"TCP port {port} on 127.0.0.1"):
            ports.probe("127.0.0.1", port, socket.SOCK_STREAM)
