"""One Asterisk process: started, known to be ready, stopped.

Rules:
1. Ready means: every module is loaded, ARI answers, and SIP answers. Nothing is waited for blindly.
2. Asterisk has a process group of its own, so that Ctrl-C reaches it through us. Whether it dies with us
   is the owner's choice: a demo should leave nothing behind, a controller's crash should end no call.
3. Processes are signalled by pid file descriptor: never another that inherited the number.
4. A run directory is used by one Asterisk; what a killed one left there does not hinder the next. It is known by its
   pid file and its command line, so that also one that we can't talk to is found and not doubled.
5. Logs are put aside when they are long, and the oldest thrown away: an exchange runs for years.
"""

import argparse
import base64
import contextlib
import hashlib
import http.client
import json
import logging
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from asyncio import sleep, to_thread
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pydantic import ValidationError

from ivr.asterisk import bundle as bundles
from ivr.asterisk import config as configuration
from ivr.asterisk import ports as reserved
from ivr.asterisk.bundle import Bundle
from ivr.asterisk.config import KEEP_SECRETS, AsteriskConfig, new_secret
from ivr.asterisk.ports import Ports

log = logging.getLogger(__name__)

LONGEST_LOG: Final = 10_000_000
"""Bytes after which a log is put aside."""
LOGS_KEPT: Final = 5
"""How many of each are kept: NAME.1 is the youngest."""
CALLS_KEPT: Final = 60
"""The same of the record of calls (CEL), by which `ivr reconcile` proves that none got lost: some 700,000 calls."""
LOOK_AT_LOGS: Final = 60.0
"""Seconds between looks at their length."""

_LONGEST_SOCKET_PATH = 107  # bytes, sockaddr_un

# Exec'd with the owner's pid; the check closes the gap in which the owner dies before prctl.
_DIE_WITH_PARENT = (
    "import ctypes,os,signal,sys;"
    "ctypes.CDLL(None).prctl(1,signal.SIGTERM);"
    "os.getppid()==int(sys.argv[1]) or sys.exit(1);"
    "os.execv(sys.argv[2],sys.argv[2:])"
)


class AsteriskFailed(Exception):
    """Asterisk did not start, or does not answer; the message ends with its own last words."""


def control_directory(run: Path) -> Path:
    """Where the control socket goes: the run directory, or a short one if that path is too long."""
    if len(os.fsencode(run / "asterisk.ctl")) <= _LONGEST_SOCKET_PATH:
        return run
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"ivr-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise AsteriskFailed(f"{folder} belongs to another user: choose a run directory with a shorter path")
    return folder


def configure(
    bundle: Bundle, run: Path, *, sounds: Path, ports: Ports | None = None, **others: Any
) -> AsteriskConfig:
    """A configuration for `run`, with a new ARI password; `others` are further fields of AsteriskConfig.

    Raises pydantic.ValidationError when a value can't be.
    """
    run = run.resolve()
    fields: dict[str, Any] = {
        "run": run,
        "modules": bundle.modules,
        "share": bundle.share,
        "sounds": sounds.resolve(),
        "spool": run / "raw",
        "ctl": control_directory(run),
        "ari_password": new_secret(),
    }
    if ports:
        fields |= {"sip_port": ports.sip, "http_port": ports.http}
        fields |= {"rtp_first": ports.rtp_first, "rtp_last": ports.rtp_last}
    return AsteriskConfig(**(fields | others))


def _kept(run: Path) -> AsteriskConfig | None:
    """The configuration of the last Asterisk in `run`; None when there is none, or none that can be read."""
    try:
        return AsteriskConfig.model_validate_json((run / "server.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValidationError, ValueError, OSError) as fault:
        log.warning("%s can't be read: %s", run / "server.json", str(fault).splitlines()[0])
        return None


class AsteriskServer:
    """An Asterisk with its configuration. Use as a context manager, `with` or `async with`.

    With `die_with_parent` it gets SIGTERM when the *thread* that called start() ends (a rule of the
    kernel): start it from the main thread.
    """

    def __init__(
        self, bundle: Bundle, config: AsteriskConfig, *, ports: Ports | None = None, die_with_parent: bool = True
    ) -> None:
        self.bundle = bundle
        self.config = config
        self._ports = ports
        self._die_with_parent = die_with_parent
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self.pid: int | None = None
        self.known = True  # False: found by `living`, and only `config.run` and `config.ctl` are there

    # --- life ---

    def start(self, timeout: float = 60.0) -> None:
        """Write the configuration, start, and return when ready (see ready()).

        Raises PortTaken, AsteriskFailed (also when this run directory has a living Asterisk), OSError.
        """
        self._spawn()
        self._wait_or_stop(timeout)

    def ready(self, timeout: float = 60.0) -> None:
        """Return as soon as Asterisk is fully booted and answers on ARI and SIP. Raises AsteriskFailed."""
        deadline = time.monotonic() + timeout
        for what, answers in (
            ("its console", lambda: "fully booted" in self.cli("core waitfullybooted")),
            ("ARI", self._ari_answers),
            ("SIP", self._sip_answers),
        ):
            while not answers():
                if not self.alive():
                    raise AsteriskFailed(f"Asterisk ended while starting.\n{self.last_words()}")
                if time.monotonic() > deadline:
                    raise AsteriskFailed(f"{what} does not answer after {timeout:g} s.\n{self.last_words()}")
                time.sleep(0.05)

    def alive(self) -> bool:
        """Whether the process runs."""
        if self._process is not None and self._process.poll() is not None:
            return False
        return self._pidfd is not None and not select.select([self._pidfd], [], [], 0)[0]

    def stop(self, *, drain: float = 0.0, grace: float = 10.0) -> None:
        """End Asterisk; calls are hung up, after `drain` seconds in which they may end by themselves.

        What has not ended `grace` seconds after SIGTERM gets SIGKILL. May be called twice.
        """
        if self.alive() and drain > 0:
            self.cli("core stop gracefully")
            self._wait_for_end(drain)
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if self.alive():
                self._send(number)
                self._wait_for_end(patience)
        if self._process is not None:
            self._process.wait(10)
        if self._pidfd is not None:
            os.close(self._pidfd)
        self._pidfd = self._process = None

    def kill(self) -> None:
        """SIGKILL, as a crash would be; stop() afterwards tidies up."""
        if self.alive():
            self._send(signal.SIGKILL)
            self._wait_for_end(10.0)

    @classmethod
    def running(cls, bundle: Bundle, run: Path) -> Self | None:
        """The Asterisk that lives in `run`, started by a process that may be gone; None if there is none.

        Raises AsteriskFailed, with what to do, when one lives there that can't be driven.
        """
        server = cls.living(bundle, run)
        if server is None:
            return None
        remedy = f"end it and its calls with `ivr asterisk stop --data {run.resolve().parent}`, then start again"
        if not server.known:
            kept = run / "server.json"
            raise AsteriskFailed(f"an Asterisk (pid {server.pid}) runs already, and {kept} is unreadable: {remedy}")
        if not server.version():
            raise AsteriskFailed(
                f"an Asterisk (pid {server.pid}) runs already in {run} and does not answer: {remedy}"
            )
        return server

    @classmethod
    def living(cls, bundle: Bundle, run: Path) -> Self | None:
        """The Asterisk that lives in `run`, to be asked (cli) and stopped; None if there is none.  See `known`."""
        run = run.resolve()
        config = _kept(run)
        known = config is not None
        config = config or AsteriskConfig.model_construct(run=run, ctl=control_directory(run))
        server = cls(bundle, config)
        try:
            pid = int((config.ctl / "asterisk.pid").read_text())
            pidfd = os.pidfd_open(pid)
        except (OSError, ValueError):
            return None
        try:
            ours = os.fsencode(server._etc / "asterisk.conf") in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            ours = False
        if not ours:  # it has ended, and its number is another's now
            os.close(pidfd)
            return None
        server.pid, server._pidfd, server.known = pid, pidfd, known
        return server

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self._spawn()  # in this thread, for die_with_parent's sake
        await to_thread(self._wait_or_stop, 60.0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_thread(self.stop)

    # --- talk ---

    def cli(self, command: str, timeout: float = 10.0) -> str:
        """What Asterisk's console answers to `command`; an empty string if nobody answers."""
        argv = self.bundle.argv("-C", str(self._etc / "asterisk.conf"), "-n", "-r", "-x", command)
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout if done.returncode == 0 else ""

    def version(self) -> str:
        """Asterisk's version, e.g. `22.10.1`; an empty string if it doesn't answer."""
        found = re.match(r"Asterisk \D*(\d[\d.]*)", self.cli("core show version"))
        return found[1] if found else ""

    def calls(self) -> int | None:
        """How many calls it has, those with people too; None if it doesn't answer."""
        said = self.cli("core show channels count")
        found = re.search(r"^(\d+) (?:of \d+ max )?active call", said, re.MULTILINE)
        return int(found[1]) if found else None

    async def keep_logs_short(self) -> None:
        """Look after the logs, for ever."""
        while True:
            try:
                await to_thread(self.put_logs_aside)
            except OSError as fault:
                log.warning("the exchange's logs can't be put aside, and grow: %s", fault)
            await sleep(LOOK_AT_LOGS)

    def put_logs_aside(self, longest: int = LONGEST_LOG) -> list[str]:
        """Put aside every log of more than `longest` bytes, and have Asterisk begin another. Returns their names."""
        folder = self.config.run / "log"
        aside: list[str] = []
        for path in (folder / "messages.log", folder / "security.log", folder / "cel-custom/calls.csv"):
            with contextlib.suppress(FileNotFoundError):  # not written yet, or another controller was quicker
                if path.stat().st_size > longest:
                    kept = CALLS_KEPT if path.name == "calls.csv" else LOGS_KEPT
                    for number in range(kept - 1, -1, -1):
                        younger = path.with_name(f"{path.name}.{number}") if number else path
                        if younger.exists():
                            younger.replace(path.with_name(f"{path.name}.{number + 1}"))
                    aside.append(path.name)
        if aside:
            self.cli("logger reload")
        return aside

    def last_words(self, lines: int = 12) -> str:
        """The end of what Asterisk wrote: warnings and errors of its log, else its console."""
        for name in ("log/messages.log", "log/console.log"):
            with contextlib.suppress(OSError):
                text = (self.config.run / name).read_text("utf-8", errors="replace")
                if found := [line for line in text.splitlines() if "ERROR" in line or "WARNING" in line]:
                    return "\n".join(found[-lines:])
                if text.strip() and "console" in name:
                    return "\n".join(text.splitlines()[-lines:])
        return "(it wrote nothing)"

    @property
    def rss(self) -> int:
        """Resident memory of the process, bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    # --- inside ---

    @property
    def _etc(self) -> Path:
        return self.config.run / "etc"

    def _spawn(self) -> None:
        config = self.config
        if self.alive() or type(self).running(self.bundle, config.run):
            raise AsteriskFailed(f"an Asterisk is already running in {config.run}")
        reserved.probe(str(config.sip_bind), config.sip_port, socket.SOCK_DGRAM)
        reserved.probe(str(config.http_bind), config.http_port, socket.SOCK_STREAM)
        configuration.write(config)
        keep = config.model_dump_json(context=KEEP_SECRETS)
        configuration.write_private(config.run / "server.json", keep)
        for stale in (config.control_socket, config.ctl / "asterisk.pid"):
            stale.unlink(missing_ok=True)
        argv = self.bundle.argv("-C", str(self._etc / "asterisk.conf"), "-f", "-n")
        if self._die_with_parent:
            argv = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *argv]
        log = config.run / "log"
        for name in ("messages.log", "console.log"):  # so that last_words() are of this start
            if (log / name).exists():
                (log / name).replace(log / f"{name}.before")
        with (log / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=config.run,
                start_new_session=True,
                pass_fds=[self._ports.lock.fileno()] if self._ports else [],
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)

    def _wait_or_stop(self, timeout: float) -> None:
        try:
            self.ready(timeout)
        except BaseException:
            self.stop(grace=2.0)
            raise

    def _send(self, number: signal.Signals) -> None:
        assert self._pidfd is not None
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def _wait_for_end(self, seconds: float) -> None:
        assert self._pidfd is not None
        select.select([self._pidfd], [], [], seconds)

    def _ari_answers(self) -> bool:
        host = "127.0.0.1" if self.config.http_bind.is_unspecified else str(self.config.http_bind)
        pair = f"{self.config.ari_user}:{self.config.ari_password.get_secret_value()}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        connection = http.client.HTTPConnection(host, self.config.http_port, timeout=2)
        try:
            connection.request("GET", "/ari/asterisk/ping", headers=headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _sip_answers(self) -> bool:
        """An OPTIONS from a stranger is answered, if only with 401."""
        host = "127.0.0.1" if self.config.sip_bind.is_unspecified else str(self.config.sip_bind)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
            endpoint.settimeout(0.5)
            endpoint.connect((host, self.config.sip_port))
            own, token = endpoint.getsockname()[1], secrets.token_hex(8)
            request = (
                f"OPTIONS sip:{host}:{self.config.sip_port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{token};rport\r\n"
                f"From: <sip:probe@{host}>;tag={token}\r\nTo: <sip:{host}>\r\n"
                f"Call-ID: {token}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
            )
            try:
                endpoint.send(request.encode())
                return endpoint.recv(4096).startswith(b"SIP/2.0 ")
            except OSError:
                return False


def main() -> None:
    """Start one Asterisk with the loopback endpoints, print where it is, and stay until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m ivr.asterisk.server", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where the unpacked Asterisk is, or will be")
    parser.add_argument("--run", type=Path, required=True, help="its run directory")
    parser.add_argument("--sounds", type=Path, help="prompt audio: <sounds>/uk/account.alaw ... (default RUN/sounds)")
    parser.add_argument(
        "--agent", action="append", default=[], help="sip:user@host:port of an agent; may be repeated"
    )
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)
    sounds: Path = arguments.sounds or arguments.run / "sounds"
    sounds.mkdir(parents=True, exist_ok=True)
    bundle = bundles.install(arguments.data)
    ports = reserved.reserve()
    config = configure(
        bundle, arguments.run, sounds=sounds, ports=ports, loopback_endpoints=True, agents=tuple(arguments.agent)
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ports, AsteriskServer(bundle, config, ports=ports) as server, contextlib.suppress(KeyboardInterrupt):
        facts = {
            "pid": server.pid,
            "sip": f"sip:hotline@{config.sip_bind}:{config.sip_port}",
            "sip_port": config.sip_port,
            "ari_url": config.ari_url,
            "user": config.ari_user,
            "password": config.ari_password.get_secret_value(),
            "recordings": str(config.spool),
            "log": str(config.run / "log/messages.log"),
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        while server.alive():
            time.sleep(0.5)
        raise AsteriskFailed(f"Asterisk ended by itself.\n{server.last_words()}")


if __name__ == "__main__":
    main()
