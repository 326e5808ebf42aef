"""Where Asterisk comes from: the machine's own, or Debian testing's packages unpacked beside our data.

Rules:
1. An installed Asterisk that is new enough and has our modules is used as it is.
2. Otherwise apt resolves, fetches and checks (signatures and checksums are its business) into a state of
   its own; dpkg-deb unpacks; nothing is installed, no root is needed, no maintainer script runs.
3. Mirror, keyring, proxy, certificates and passwords are those of the machine's own apt.
   IVR_APT_MIRROR names another Debian mirror.
4. An unpacked tree becomes the bundle by one rename, after its marker has been written: a half-unpacked
   one is never found. What an interrupted run had fetched or unpacked is not done again.
5. A complete bundle is found without touching the network.

The unpacked programs are newer than the machine's C library, so they run by their own dynamic loader.
"""

import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.apt import Source, candidates, machine_sources
from ivr.asterisk.config import MODULES

NEEDED = (22, 7)  # StasisBroadcast came with 22.7
SUITE = "testing"
MIRROR_VARIABLE = "IVR_APT_MIRROR"
MARKER = "complete.json"
SPACE = 500_000_000  # bytes: packages and the tree together, with some room

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of the whole is done (0 to 1)."""


class CannotInstall(Exception):
    """This machine can't have Asterisk this way; the message says what is missing and what would help."""


@dataclass(frozen=True)
class Bundle:
    """An Asterisk that can be started.

    `root` is None for the machine's own. `share` holds the documentation that Asterisk needs to start
    and the descriptions of ARI.
    """

    version: str
    program: Path
    modules: Path
    share: Path
    root: Path | None = None

    def argv(self, *arguments: str) -> list[str]:
        """The command line of `asterisk` with `arguments`."""
        if self.root is None:
            return [str(self.program), *arguments]
        libraries = self.modules.parent.parent
        path = f"{libraries}:{self.modules.parent}"
        return [str(_loader(self.root)), "--library-path", path, str(self.program), *arguments]


def find(data: Path, *, path: str | None = None) -> Bundle | None:
    """The machine's own Asterisk if it serves, else the newest bundle in `data`, else None.

    `path` replaces the environment's PATH in the search for the machine's own.
    """
    return _installed(path) or _unpacked(data)


def install(data: Path, progress: Progress | None = None) -> Bundle:
    """Find an Asterisk or unpack one below `data`; two installs at once wait for each other.

    Raises CannotInstall.
    """
    tell: Progress = progress or (lambda _what, _share: None)
    if bundle := find(data):
        return bundle
    data = data.resolve()
    if ":" in str(data):
        raise CannotInstall(f"{data} has a colon in its name, which the dynamic loader can't take: choose another")
    home = data / "asterisk"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home, tell) as lock:
            return _unpacked(data) or _Installer(home, lock, tell).install()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _DiskFull(f"the disk of {home} is full. Free {SPACE / 1e6:.0f} MB and run this again.") from error
        raise CannotInstall(f"can't write to {home}: {error.strerror or error}") from error


# --- what is there -------------------------------------------------------------------------------------


def _installed(path: str | None) -> Bundle | None:
    program = shutil.which("asterisk", path=path or f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not program:
        return None
    version = _version_of(program)
    if version is None or _numbers(version) < NEEDED:
        return None
    prefix = Path(program).resolve().parent.parent
    modules = next((folder for folder in _module_folders(prefix) if not missing_modules(folder)), None)
    shares = (prefix / "share/asterisk", prefix.parent / "var/lib/asterisk", Path("/var/lib/asterisk"))
    share = next((folder for folder in shares if (folder / "documentation").is_dir()), None)
    if modules is None or share is None:
        return None
    return Bundle(version, Path(program), modules, share)


def _module_folders(prefix: Path) -> Iterator[Path]:
    for pattern in ("lib/*/asterisk/modules", "lib/asterisk/modules", "lib64/asterisk/modules"):
        yield from sorted(prefix.glob(pattern))


def missing_modules(folder: Path) -> list[str]:
    """Names of the modules we load that `folder` doesn't have."""
    return [name for name in MODULES if not (folder / f"{name}.so").is_file()]


def _unpacked(data: Path) -> Bundle | None:
    markers = (data / "asterisk").resolve().glob(f"*/{MARKER}")
    trees = sorted((marker.parent for marker in markers), key=lambda tree: _numbers(tree.name), reverse=True)
    bundles = (_bundle_in(tree) for tree in trees if not tree.name.startswith("."))
    return next((bundle for bundle in bundles if bundle), None)


def _bundle_in(tree: Path) -> Bundle | None:
    """The whole bundle in `tree`; None if it is another architecture's, or has not all modules we now need."""
    marker = json.loads((tree / MARKER).read_text("utf-8"))
    folder = next(_module_folders(tree / "usr"), None)
    if marker["machine"] != platform.machine() or folder is None or missing_modules(folder):
        return None
    return Bundle(marker["version"], tree / "usr/sbin/asterisk", folder, tree / "usr/share/asterisk", tree)


def _loader(root: Path) -> Path:
    names = [*root.glob("usr/lib*/ld-linux*.so.*"), *root.glob("usr/lib/*/ld-linux*.so.*")]
    return names[0]


def _version_of(program: str) -> str | None:
    try:
        out = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _version_in(out)


def _version_in(text: str) -> str | None:
    found = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)+)", text)
    return found[1] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


# --- how it gets there ---------------------------------------------------------------------------------


@contextmanager
def _alone(home: Path, tell: Progress) -> Iterator[int]:
    """One install at a time; yields the lock, which is handed on to apt and dpkg-deb.

    So it ends with the last of them: an apt that outlived a killed install is waited for as well.
    """
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another install", 0.0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


class _Installer:
    """apt with a state of its own and everything else of the machine's, and dpkg-deb."""

    def __init__(self, home: Path, lock: int, tell: Progress) -> None:
        self.home = home
        self.apt = home / ".apt"
        self.configuration = self.apt / "apt.conf"
        self.lock = lock
        self.tell = tell

    def install(self) -> Bundle:
        for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg"), ("dpkg", "dpkg")):
            if not shutil.which(tool):
                raise CannotInstall(
                    f"{tool} (package {package}) is not on this machine, so Debian's packages can't be unpacked. "
                    f"Install Asterisk {_dotted(NEEDED)} or later with this system's own package manager, or run "
                    "on Debian, Ubuntu or a container of them."
                )
        begun = sum(path.lstat().st_size for part in self.home.glob(".*/") for path in part.rglob("*"))
        if (free := shutil.disk_usage(self.home).free) < (wanted := SPACE - begun):
            raise CannotInstall(
                f"{self.home} has {free / 1e6:.0f} MB free and Asterisk needs {wanted / 1e6:.0f} MB: free some, or "
                "choose another data directory."
            )
        self._configure()
        tree = self._unpack(self._fetch())
        shutil.rmtree(self.apt, ignore_errors=True)
        self.tell("Asterisk is ready", 1.0)
        bundle = _bundle_in(tree)
        assert bundle is not None  # its modules have been checked
        return bundle

    def _configure(self) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "sources.d", "none"):
            (self.apt / name).mkdir(parents=True, exist_ok=True)
        (self.apt / "status").touch()
        # Hooks of the machine (package-kit, app-stream, docker's clean-up) are about the machine's own
        # state, and fail without root. Lists can be cleared in a file only, hence no -o for them.
        hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
        settings = {
            "Dir::State": self.apt / "state",
            "Dir::State::status": self.apt / "status",
            "Dir::Cache": self.apt / "cache",
            "Dir::Etc::sourcelist": self.apt / "none.list",
            "Dir::Etc::sourceparts": self.apt / "sources.d",
            "Dir::Etc::preferences": self.apt / "none.pref",
            "Dir::Etc::preferencesparts": self.apt / "none",
            "APT::Default-Release": "",
            "APT::Install-Recommends": "false",
            "APT::Install-Suggests": "false",
            "APT::Sandbox::User": "root",  # as root, its _apt user need not be able to enter our folders
            "APT::Update::Error-Mode": "any",  # else a failed fetch is a mere warning
            "APT::Keep-Downloaded-Packages": "true",
            "Acquire::Languages": "none",
            "Acquire::GzipIndexes": "false",  # a container's habit; it makes every look at them slow
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
        }
        lines = [f"#clear {name};" for name in hooks] + [f'{name} "{value}";' for name, value in settings.items()]
        self.configuration.write_text("\n".join(lines) + "\n", "utf-8")

    def _fetch(self) -> list[Path]:
        """Asterisk's package and all it depends on, as files, from the first source that has them."""
        sources = list(candidates(machine_sources(), os.environ.get(MIRROR_VARIABLE)))
        if not sources:
            raise CannotInstall(
                "this machine's apt has no package source to ask (/etc/apt/sources.list, sources.list.d). "
                f"Name a Debian mirror: {MIRROR_VARIABLE}=<address of a Debian mirror>"
            )
        refusals: list[str] = []
        for number, source in enumerate(sources):
            self.tell(f"asking {source.uri} for Debian {SUITE}", 0.05 * (1 + number / len(sources)))
            try:
                return self._fetch_from(source)
            except _DiskFull:
                raise
            except CannotInstall as refusal:
                refusals.append(f"  {source.uri}: {refusal}")
        raise CannotInstall(
            f"no source of this machine's apt gave Debian {SUITE}'s Asterisk:\n" + "\n".join(refusals) + "\n"
            "If the network is down, connect it and run this again: what has been fetched is kept. "
            f"If this is not Debian, name a Debian mirror in {MIRROR_VARIABLE} and install its keys with "
            "'apt-get install debian-archive-keyring'. "
            f"Or install Asterisk {_dotted(NEEDED)} or later yourself."
        )

    def _fetch_from(self, source: Source) -> list[Path]:
        architecture = self._run(["dpkg", "--print-architecture"], "ask dpkg").strip()
        (self.apt / "sources.d/debian.sources").write_text(source.stanza(SUITE, architecture), "utf-8")
        self._run(self._get("update"), "read the list of packages")
        plan = self._run(self._get("install", "--simulate", "asterisk"), "resolve Asterisk's packages")
        self._download()
        return archives(plan, self.apt / "cache/archives")

    def _get(self, *arguments: str) -> list[str]:
        return ["apt-get", "-c", str(self.configuration), "--quiet", *arguments]

    def _download(self) -> None:
        reading, writing = os.pipe()
        command = self._get("-o", f"APT::Status-Fd={writing}", "install", "--yes", "--download-only", "asterisk")
        with tempfile.TemporaryFile("w+", dir=self.apt) as complaints:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env=_plain(),
                pass_fds=[writing, self.lock],
            )
            os.close(writing)
            with os.fdopen(reading) as status:
                for line in status:
                    if found := re.match(r"dlstatus:\d+:([\d.]+):", line):
                        self.tell("fetching Asterisk", 0.1 + 0.005 * float(found[1]))
            if process.wait():
                complaints.seek(0)
                raise _refusal("fetch Asterisk's packages", complaints.read())

    def _unpack(self, packages: Sequence[Path]) -> Path:
        """Unpack every package into one tree, check that Asterisk runs from it, and give it its name."""
        names = sorted(package.name for package in packages)
        tree = self.home / f".{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}"
        for old in self.home.glob(".????????????????"):
            if old != tree and old.is_dir():
                shutil.rmtree(old, ignore_errors=True)  # interrupted, and of packages since superseded
        done = tree / ".done"
        done.mkdir(parents=True, exist_ok=True)
        for number, package in enumerate(packages):
            self.tell("unpacking Asterisk", 0.6 + 0.4 * number / len(packages))
            if not (done / package.name).exists():
                self._run(["dpkg-deb", "--extract", str(package), str(tree)], f"unpack {package.name}")
                (done / package.name).touch()
        for path in tree.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000:
                path.chmod(path.stat().st_mode & 0o1777)  # passwd and its kin came along; no rights for them
        version = self._check(tree)
        whole = self.home / version
        if whole.exists():  # of an earlier release of ours, with other modules, or never finished
            shutil.rmtree(whole)
        marker = {"version": version, "machine": platform.machine(), "packages": names}
        new = tree / f"{MARKER}.new"
        new.write_text(json.dumps(marker, indent=1), "utf-8")
        shutil.rmtree(done)
        new.rename(tree / MARKER)
        tree.rename(whole)
        return whole

    def _check(self, tree: Path) -> str:
        """Start the unpacked program once. Its version, or CannotInstall with the reason it gave."""
        folder = next(_module_folders(tree / "usr"), None)
        missing = missing_modules(folder) if folder else list(MODULES)
        if folder is None or missing:
            raise CannotInstall(
                f"Debian {SUITE}'s Asterisk no longer has these modules that we need: {', '.join(missing)}"
            )
        command = Bundle("", tree / "usr/sbin/asterisk", folder, tree / "usr/share/asterisk", tree).argv("-V")
        version = _version_in(self._run(command, "start the unpacked Asterisk (is the file system mounted noexec?)"))
        if version is None or _numbers(version) < NEEDED:
            raise CannotInstall(f"Debian {SUITE} has Asterisk {version}, we need {_dotted(NEEDED)} or later")
        return version

    def _run(self, command: Sequence[str], what: str) -> str:
        """What the command wrote. Raises CannotInstall with what it complained about."""
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                env=_plain(),
                pass_fds=[self.lock],
                check=False,
            )
        except OSError as error:
            raise CannotInstall(f"could not {what}: {error}") from error
        if done.returncode:
            raise _refusal(what, done.stderr or done.stdout)
        return done.stdout


class _DiskFull(CannotInstall):
    pass


def archives(plan: str, folder: Path) -> list[Path]:
    """The files of the packages in a simulated install (`Inst name (version origin [architecture])`).

    Raises CannotInstall when one is not there.
    """
    files: list[Path] = []
    for name, version, architecture in re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", plan, re.MULTILINE):
        files.append(folder / f"{name.partition(':')[0]}_{version.replace(':', '%3a')}_{architecture}.deb")
    if missing := [file.name for file in files if not file.is_file()]:
        raise CannotInstall(f"apt reported success, but these packages are not there: {', '.join(missing)}")
    if not files:
        raise CannotInstall("apt's plan names no package")
    return files


def _plain() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def _refusal(what: str, complaint: str) -> CannotInstall:
    if "No space left" in complaint or "enough free space" in complaint:
        return _DiskFull(f"could not {what}: the disk is full. Free {SPACE / 1e6:.0f} MB and run this again.")
    errors = [line for line in complaint.splitlines() if line.startswith(("E:", "Err", "dpkg-deb: error"))]
    return CannotInstall(f"could not {what}: " + " ".join(errors[:4] or complaint.splitlines()[-3:]))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
