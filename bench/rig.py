"""The test bench: one Asterisk, and on it our controller and a plain dialplan, each with a number to dial.

Rules
1. Everything of a run lies in a folder of its own, except the unpacked Asterisk; when the run ends, however it ends,
   no process and no folder is left.
2. Asterisk, the controller (`ivr up`, unchanged) and the callers are three processes; their CPU is read from the
   kernel's clock of each process.
3. The plain dialplan is added to this Asterisk only: to the files of this run, after they were written.
4. Both sides say the same clips, take the same keys in the same order, and record with the same MixMonitor.

What the dialplan does not do is what it can't: it keeps no journal and adopts no call, does not look up the caller or
judge the value, composes no numbers (its clips are fixed), seals no tape, and what it keeps is in AstDB, which
Asterisk writes to the disk when it likes.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert

from bench.figures import Arm
from domain.model import Language, Source, Status, Zone
from domain.rules import local_day
from domain.store import Store
from domain.tables import accounts, caller_accounts, caller_numbers, meters, readings, registers
from ivr.asterisk import bundle as bundles
from ivr.asterisk import ports as reserved
from ivr.asterisk.server import AsteriskFailed, AsteriskServer, configure
from ivr.dialog import Phrase
from ivr.service.hotline import SOUNDS
from prompts import Catalogue

REPOSITORY = Path(__file__).resolve().parents[1]
CUSTOMERS = 2000
ENDING = "0018"
"""What every account ends with, so that all calls are made of the same clips."""
LAST, VALUE = 2150, 2330
"""kWh: what the register showed `SINCE` ago, and what a caller with usual use keys today."""
SINCE = timedelta(days=30)

_MODULES = ("app_read", "func_db")
_PLAIN = """
[incoming](+)
exten => plain,1,Goto(plain,s,1)

[plain]
exten => s,1,Set(IVR_CALLER=${IF(${REGEX("^[+]?[0-9]+$" ${CALLERID(num)})}?${CALLERID(num)}:)})
 same => n,Set(TIMEOUT(absolute)=1800)
 same => n,Answer(,i)
 same => n,MixMonitor(@spool@/${UNIQUEID}.raw,D)
 same => n,Playback(@notice@)
 same => n,Read(KEY,@your_account@,1,,3,5)
 same => n,GotoIf($["${KEY}" != "1"]?lost)
 same => n(value),Read(VALUE,@value_single@,8,,3,12)
 same => n,GotoIf($["${VALUE}" = ""]?lost)
 same => n,Read(KEY,@read_back@,1,,3,5)
 same => n,GotoIf($["${KEY}" = "2"]?value)
 same => n,GotoIf($["${KEY}" != "1"]?lost)
 same => n,Set(DB(readings/${UNIQUEID})=${IVR_CALLER}:${VALUE}:${EPOCH})
 same => n(receipt),Read(KEY,@receipt@&@receipt_again@,1,,1,4)
 same => n,GotoIf($["${KEY}" = "1"]?receipt)
 same => n,Playback(@goodbye@)
 same => n(lost),Hangup(16)
"""


@dataclass(frozen=True, slots=True)
class Rig:
    """What runs.  plain_tapes: where the dialplan's recordings go."""

    server: AsteriskServer
    controller: asyncio.subprocess.Process
    data: Path
    plain_tapes: Path

    def address(self, arm: Arm) -> str:
        """Whom to dial."""
        user = {"controller": "hotline", "dialplan": "plain"}[arm]
        return f"sip:{user}@{self.server.config.sip_bind}:{self.server.config.sip_port}"

    @property
    def conductor(self) -> int:
        """The process that conducts the calls: the only child of the keeper that `ivr up` is."""
        keeper = self.controller.pid
        [child] = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        return int(child)

    def controller_cpu(self) -> float:
        """CPU-seconds of the controller so far, user and system, threads that have ended included."""
        return process_cpu(self.conductor)

    def asterisk_cpu(self) -> float:
        """CPU-seconds of Asterisk so far."""
        assert self.server.pid is not None
        return process_cpu(self.server.pid)

    def controller_threads(self) -> dict[str, float]:
        """CPU-seconds of the controller's living threads so far, by name."""
        found: dict[str, float] = {}
        for task in Path(f"/proc/{self.conductor}/task").iterdir():
            try:
                name = "event loop" if task.name == str(self.conductor) else (task / "comm").read_text().strip()
                found[name] = found.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) / 1e9
            except OSError:
                continue  # it ended just now
        return found

    async def settled(self, patience: float = 30.0) -> None:
        """Return when no tape of the controller waits to be sealed.  Raises TimeoutError."""
        async with asyncio.timeout(patience):
            while any(self.server.config.spool.glob("*.raw")):  # noqa: ASYNC110  other processes' files, no event
                await asyncio.sleep(0.05)


def process_cpu(pid: int) -> float:
    """CPU-seconds of any process, from the kernel's clock of it (clock_getcpuclockid(3)), to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def customer(n: int) -> str:
    """The telephone number of customer `n`.  No subscriber number begins with 0, so it is nobody's."""
    return f"+38044{n:07d}"


def load_customers(conn: Connection) -> None:
    """`CUSTOMERS` accounts with one meter of one zone, each known by its caller's number."""
    then = datetime.now(UTC) - SINCE
    each = range(1, CUSTOMERS + 1)
    conn.execute(insert(accounts), [{"number": f"2{n:05d}{ENDING}"} for n in each])
    conn.execute(insert(caller_numbers), [{"number": customer(n), "language": Language.UK} for n in each])
    conn.execute(insert(caller_accounts), [{"number": customer(n), "account": f"2{n:05d}{ENDING}"} for n in each])
    conn.execute(
        insert(meters),
        [{"id": n, "account": f"2{n:05d}{ENDING}", "number": f"B{n}", "multiplier": 1, "power": 15.0} for n in each],
    )
    conn.execute(
        insert(registers), [{"id": n, "meter": n, "zone": Zone.SINGLE, "width": 5, "usual": 6.0} for n in each]
    )
    read = {"value": LAST, "read_on": local_day(then), "at": then, "source": Source.INSPECTOR}
    conn.execute(insert(readings), [{"register": n, "status": Status.ACCEPTED, **read} for n in each])


def plain_dialplan(tapes: Path) -> str:
    """The same conversation for Asterisk alone."""
    catalogue = Catalogue.load()
    said = {
        "notice": (),
        "your_account": (("ending", ENDING),),
        "value_single": (),
        "read_back": (("zone", Phrase("zone_single")), ("value", VALUE)),
        "receipt": (("number", "00000013"),),
        "receipt_again": (),
        "goodbye": (),
    }
    text = _PLAIN.replace("@spool@", str(tapes))
    for prompt, words in said.items():
        clips = catalogue.compose("uk", prompt, words).clips
        text = text.replace(f"@{prompt}@", "&".join(f"ivr/{clip}" for clip in clips))
    return text


@asynccontextmanager
async def rig(data: Path, profile: Path | None = None) -> AsyncIterator[Rig]:
    """Start everything.  data: where the unpacked Asterisk is, or will be.  profile: where the controller's goes.

    Raises what an installation or a start of Asterisk raises; AsteriskFailed also for the controller.
    """
    bundle = await asyncio.to_thread(bundles.install, data)
    with tempfile.TemporaryDirectory(prefix="ivr-bench-", ignore_cleanup_errors=True) as name:
        own = Path(name)
        if bundle.root is not None:
            (own / "asterisk").symlink_to((data / "asterisk").resolve())
        tapes = own / "plain"
        tapes.mkdir()
        with Store.open(f"sqlite:///{own / 'hotline.db'}") as store:
            await asyncio.wrap_future(store.write(load_customers))
        with reserved.reserve() as ports:
            config = configure(bundle, own / "exchange", sounds=SOUNDS, ports=ports, loopback_endpoints=True)
            async with AsteriskServer(bundle, config, ports=ports) as server:
                _add_plain(server, tapes)
                controller = await _controller(own, profile)
                try:
                    yield Rig(server, controller, own, tapes)
                finally:
                    await _end(controller)


def _add_plain(server: AsteriskServer, tapes: Path) -> None:
    with (server.config.run / "etc" / "extensions.conf").open("a", encoding="utf-8") as file:
        file.write(plain_dialplan(tapes))
    for module in _MODULES:
        server.cli(f"module load {module}.so")
    server.cli("dialplan reload")
    if "Hangup" not in (shown := server.cli("dialplan show plain")):
        raise AsteriskFailed(f"the plain dialplan was not taken:\n{shown}{server.last_words()}")
    missing = [m for m in _MODULES if "1 modules loaded" not in server.cli(f"module show like {m}.so")]
    if missing:
        raise AsteriskFailed(f"this Asterisk lacks {', '.join(missing)}, which the plain dialplan needs")


async def _controller(own: Path, profile: Path | None) -> asyncio.subprocess.Process:
    (own / "hotline.toml").write_text("")  # not the one that may lie in the working directory
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    environment["IVR_KEEP_ASTERISK"] = "1"
    if profile:
        environment["BENCH_PROFILE"] = str(profile)
    with (own / "controller.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.controller", "up"),
            *("--config", str(own / "hotline.toml"), "--data", str(own)),
            cwd=REPOSITORY, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while line := await process.stdout.readline():
                if line.startswith(b"ready"):
                    return process
    except TimeoutError:
        pass
    await _end(process)
    raise AsteriskFailed(f"the controller did not start:\n{(own / 'controller.log').read_text()[-3000:]}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
