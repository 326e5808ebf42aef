"""The real Asterisk: it starts, is where it should be and nowhere else, and ends when it should."""

import base64
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from ivr.asterisk.bundle import Bundle
from ivr.asterisk.config import MODULES, AsteriskConfig
from ivr.asterisk.ports import Ports, PortTaken
from ivr.asterisk.server import AsteriskFailed, AsteriskServer, configure

pytestmark = pytest.mark.telephony

REPOSITORY = Path(__file__).resolve().parents[2]


def ask(server: AsteriskServer, path: str, password: str | None = None) -> bytes:
    config = server.config
    pair = f"{config.ari_user}:{password or config.ari_password.get_secret_value()}"
    request = urllib.request.Request(config.ari_url + path)  # noqa: S310  our own address
    request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return answer.read()


def complaints(server: AsteriskServer) -> list[str]:
    log = (server.config.run / "log/messages.log").read_text()
    return [line for line in log.splitlines() if " WARNING[" in line or " ERROR[" in line]


def listening(pid: int) -> set[tuple[str, str, int]]:
    """(protocol, address, port) of every IPv4 and IPv6 socket of a process that can receive from anyone."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if found := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
            inodes.add(found[1])
    found = set()
    for protocol, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] in states and fields[9] in inodes:
                words, port = fields[1].split(":")
                packed = b"".join(bytes.fromhex(words[i : i + 8])[::-1] for i in range(0, len(words), 8))
                found.add((protocol[:3], str(ip_address(packed)), int(port, 16)))
    return found


def ended(pid: int, seconds: float) -> bool:
    """Whether the process ends within `seconds`."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def own(bundle: Bundle, ports: Ports, tmp_path: Path) -> AsteriskConfig:
    """A configuration for an Asterisk of the test's own."""
    return configure(bundle, tmp_path / "run", sounds=tmp_path, ports=ports)


def test_it_boots_without_a_complaint(asterisk: AsteriskServer):
    at_boot = [line for line in complaints(asterisk) if "[C-" not in line]
    assert at_boot == []
    assert json.loads(ask(asterisk, "/asterisk/info"))["system"]["version"].startswith(asterisk.bundle.version)


def test_every_module_that_we_name_runs(asterisk: AsteriskServer):
    running = set(re.findall(r"^(\w+)\.so .* Running ", asterisk.cli("module show"), re.MULTILINE))
    assert set(MODULES) - running == set()


def test_every_application_and_function_of_the_dialplan_exists(asterisk: AsteriskServer):
    text = (asterisk.config.run / "etc/extensions.conf").read_text()
    steps = re.findall(r"^(?:exten => \S+?,1| same => n(?:\(\w+\))?),(\w+)\(", text, re.MULTILINE)
    known = {
        name.lower() for name in re.findall(r"^\s*(\w+): ", asterisk.cli("core show applications"), re.MULTILINE)
    }
    assert {step.lower() for step in steps} - known == set()
    used = set(re.findall(r"(?:\$\{|\()([A-Z]+)\(", text))
    functions = set(re.findall(r"^(\w+)", asterisk.cli("core show functions"), re.MULTILINE))
    assert used
    assert used - functions == set()


def test_it_serves_on_loopback_and_on_its_two_ports_only(asterisk: AsteriskServer):
    """PJSIP's DNS client has two unconnected sockets of its own, which no setting of Asterisk's can bind."""
    assert asterisk.pid
    config = asterisk.config
    sockets = listening(asterisk.pid)
    dns = {(protocol, address) for protocol, address, _ in sockets} - {("tcp", "127.0.0.1"), ("udp", "127.0.0.1")}
    assert dns <= {("udp", "0.0.0.0"), ("udp", "::")}  # noqa: S104
    assert len([port for _, address, port in sockets if address != "127.0.0.1"]) == len(dns)
    ours = {(protocol, port) for protocol, address, port in sockets if address == "127.0.0.1"}
    assert {("udp", config.sip_port), ("tcp", config.http_port)} <= ours
    assert {port for protocol, port in ours if protocol == "tcp"} == {config.http_port}


def test_ari_refuses_a_wrong_password(asterisk: AsteriskServer):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(asterisk, "/asterisk/info", password="guess")


def test_a_trunk_and_agents_are_understood(bundle: Bundle, ports: Ports, tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as provider:
        provider.bind(("127.0.0.1", 0))
        provider.settimeout(10)
        registrar = f"127.0.0.1:{provider.getsockname()[1]}"
        trunk = {
            "hosts": ["127.0.0.1"],
            "registrar": registrar,
            "username": "grid",
            "password": "s3cret",
            "number": "380441234567",
        }
        config = configure(
            bundle, tmp_path / "run", sounds=tmp_path, ports=ports, trunk=trunk, agents=("sip:101@127.0.0.1:5999",)
        )
        with AsteriskServer(bundle, config, ports=ports) as server:
            register = provider.recv(4096).decode()
            assert complaints(server) == []
            assert "127.0.0.1/32" in server.cli("pjsip show identifies")
            assert "PJSIP/agent/sip:101@127.0.0.1:5999" in server.cli("dialplan show agents")
    assert register.startswith(f"REGISTER sip:{registrar} SIP/2.0")
    assert "Contact: <sip:380441234567@127.0.0.1:" in register


def test_what_a_killed_asterisk_left_does_not_hinder_the_next(bundle: Bundle, ports: Ports, own: AsteriskConfig):
    server = AsteriskServer(bundle, own, ports=ports)
    server.start()
    first = server.pid
    server.kill()
    assert own.control_socket.exists()
    server.stop()
    with AsteriskServer(bundle, own, ports=ports) as second:
        assert second.pid != first
        assert second.alive()
    assert not second.alive()


def test_a_run_directory_has_one_asterisk(bundle: Bundle, ports: Ports, own: AsteriskConfig):
    with (
        AsteriskServer(bundle, own, ports=ports),
        pytest.raises(AsteriskFailed, match="already running"),
    ):
        AsteriskServer(bundle, own).start()


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_a_port_in_use_is_named_before_anything_starts(
    bundle: Bundle, own: AsteriskConfig, kind: socket.SocketKind, name: str
):
    port = own.sip_port if name == "UDP" else own.http_port
    with socket.socket(socket.AF_INET, kind) as stranger:
        stranger.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            stranger.listen()
        server = AsteriskServer(bundle, own)
        with pytest.raises(PortTaken, match=f"{name} port {port}"):
            server.start()
        assert not server.alive()


def test_a_broken_configuration_is_reported_in_asterisks_own_words(
    bundle: Bundle, own: AsteriskConfig, tmp_path: Path
):
    (tmp_path / "run").mkdir()
    broken = own.model_copy(update={"modules": tmp_path})
    with pytest.raises(AsteriskFailed, match="ended while starting") as caught:
        AsteriskServer(bundle, broken).start(timeout=8)
    assert "Failed to load module" in str(caught.value)


OWNER = """
import sys, time
from pathlib import Path
from ivr.asterisk import bundle, ports
from ivr.asterisk.server import AsteriskServer, configure
data, run, dies = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "True"
asterisk = bundle.install(data)
own = ports.reserve()
server = AsteriskServer(asterisk, configure(asterisk, run, sounds=run, ports=own), ports=own, die_with_parent=dies)
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def owner(bundle: Bundle, run: Path, *, dies: bool) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that has started an Asterisk, and that Asterisk's pid."""
    data = bundle.root.parents[1] if bundle.root else run
    command = [sys.executable, "-c", OWNER, str(data), str(run), str(dies)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def test_it_dies_with_its_owner_when_asked(bundle: Bundle, tmp_path: Path):
    with owner(bundle, tmp_path, dies=True) as (process, pid):
        process.send_signal(signal.SIGKILL)
        assert ended(pid, 15)


def test_it_outlives_its_owner_when_asked_and_is_adopted(bundle: Bundle, tmp_path: Path):
    with owner(bundle, tmp_path, dies=False) as (process, pid):
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        adopted = AsteriskServer.running(bundle, tmp_path)
        assert adopted
        try:
            assert adopted.pid == pid
            assert adopted.alive()
            assert b"pong" in ask(adopted, "/asterisk/ping")
        finally:
            adopted.stop()
        assert ended(pid, 0)
    assert AsteriskServer.running(bundle, tmp_path) is None
