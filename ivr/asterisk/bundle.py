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

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
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
        with _alone(home, tell):
            return _unpacked(data) or _install(home, tell)
    except OSError as error:
        raise CannotInstall(f"can't write to {home}: {error.strerror or error}") from error


# --- what is there -------------------------------------------------------------------------------------


def _installed(path: str | None) -> Bundle | None:
    program = shutil.which("asterisk", path=path or f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not program:
        return None
    version = _version_of([program])
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
    trees = [(_numbers(marker.parent.name), marker.parent) for marker in markers]
    for _, tree in sorted(trees, reverse=True):
        if not tree.name.startswith("."):
            return _bundle_in(tree)
    return None


def _bundle_in(tree: Path) -> Bundle:
    folder = next(_module_folders(tree / "usr"))
    version = json.loads((tree / MARKER).read_text("utf-8"))["version"]
    return Bundle(version, tree / "usr/sbin/asterisk", folder, tree / "usr/share/asterisk", tree)


def _loader(root: Path) -> Path:
    names = [*root.glob("usr/lib*/ld-linux*.so.*"), *root.glob("usr/lib/*/ld-linux*.so.*")]
    return names[0]


def _version_of(command: Sequence[str]) -> str | None:
    try:
        out = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)+)", out)
    return found[1] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


# --- how it gets there ---------------------------------------------------------------------------------


@contextmanager
def _alone(home: Path, tell: Progress) -> Iterator[None]:
    """One install at a time. The lock ends with its process, however that ends."""
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another install", 0.0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(home: Path, tell: Progress) -> Bundle:
    for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg"), ("dpkg", "dpkg")):
        if not shutil.which(tool):
            raise CannotInstall(
                f"{tool} (package {package}) is not on this machine, so Debian's packages can't be unpacked. "
                f"Install Asterisk {_dotted(NEEDED)} or later with this system's own package manager, or run on "
                "Debian, Ubuntu or a container of them."
            )
    if (free := shutil.disk_usage(home).free) < SPACE:
        raise CannotInstall(
            f"{home} has {free / 1e6:.0f} MB free and Asterisk needs {SPACE / 1e6:.0f} MB: free some, or choose "
            "another data directory."
        )
    apt = _Apt(home / ".apt")
    packages = apt.fetch(tell)
    tree = _unpack(home, packages, tell)
    shutil.rmtree(apt.home, ignore_errors=True)
    tell("Asterisk is ready", 1.0)
    return _bundle_in(tree)


def _unpack(home: Path, packages: Sequence[Path], tell: Progress) -> Path:
    """Unpack every package into one tree, check that Asterisk runs from it, and give it its name."""
    names = sorted(package.name for package in packages)
    tree = home / f".{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}"
    for old in home.glob(".????????????????"):
        if old != tree and old.is_dir():
            shutil.rmtree(old, ignore_errors=True)  # an interrupted install of packages since superseded
    done = tree / ".done"
    done.mkdir(parents=True, exist_ok=True)
    for number, package in enumerate(packages):
        tell("unpacking Asterisk", 0.6 + 0.4 * number / len(packages))
        if (done / package.name).exists():
            continue
        _run(["dpkg-deb", "--extract", str(package), str(tree)], f"unpack {package.name}", os.environ)
        (done / package.name).touch()
    for path in tree.rglob("*"):
        if not path.is_symlink() and path.is_file() and path.stat().st_mode & 0o6000:
            path.chmod(path.stat().st_mode & 0o1777)  # su and mount came along; they need no rights here
    version = _check(tree)
    marker = {"version": version, "packages": names}
    temporary = tree / f"{MARKER}.new"
    temporary.write_text(json.dumps(marker, indent=1), "utf-8")
    temporary.rename(tree / MARKER)
    shutil.rmtree(done)
    whole = home / version
    shutil.rmtree(whole, ignore_errors=True)  # without a marker, or we wouldn't be here
    tree.rename(whole)
    return whole


def _check(tree: Path) -> str:
    """Start the unpacked program once. Its version, or CannotInstall with the reason it gave."""
    folder = next(_module_folders(tree / "usr"), None)
    if folder is None or (missing := missing_modules(folder)):
        what = ", ".join(missing) if folder else "all of them"
        raise CannotInstall(f"Debian {SUITE}'s Asterisk has no longer these modules that we need: {what}")
    bundle = Bundle("", tree / "usr/sbin/asterisk", folder, tree / "usr/share/asterisk", tree)
    _run(bundle.argv("-V"), "start the unpacked Asterisk (is the file system mounted noexec?)", os.environ)
    version = _version_of(bundle.argv())
    if version is None or _numbers(version) < NEEDED:
        raise CannotInstall(f"Debian {SUITE} has Asterisk {version}, we need {_dotted(NEEDED)} or later")
    return version


class _Apt:
    """apt with a state of its own and everything else of the machine's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("state/lists/partial", "cache/archives/partial", "none"):
            (home / name).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        # Hooks of the machine (package-kit, app-stream, docker's clean-up) are about the machine's own
        # state, and fail without root. Lists can be cleared in a file only, hence no -o for them.
        hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
        settings = {
            "Dir::State": home / "state",
            "Dir::State::status": home / "status",
            "Dir::Cache": home / "cache",
            "Dir::Etc::sourcelist": home / "none.list",
            "Dir::Etc::sourceparts": home / "sources.d",
            "Dir::Etc::preferences": home / "none.pref",
            "Dir::Etc::preferencesparts": home / "none",
            "APT::Default-Release": "",
            "APT::Install-Recommends": "false",
            "APT::Install-Suggests": "false",
            "APT::Sandbox::User": "root",  # as root, its _apt user need not be able to enter our folders
            "APT::Update::Error-Mode": "any",  # else a failed fetch is a mere warning
            "APT::Keep-Downloaded-Packages": "true",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
        }
        lines = [f"#clear {name};" for name in hooks] + [f'{name} "{value}";' for name, value in settings.items()]
        self.configuration = home / "apt.conf"
        self.configuration.write_text("\n".join(lines) + "\n", "utf-8")

    def fetch(self, tell: Progress) -> list[Path]:
        """Asterisk's package and all it depends on, as files. Raises CannotInstall."""
        sources = list(candidates(machine_sources(), os.environ.get(MIRROR_VARIABLE)))
        if not sources:
            raise CannotInstall(
                "this machine's apt has no package source to ask (/etc/apt/sources.list, sources.list.d). "
                f"Name a Debian mirror: {MIRROR_VARIABLE}=<address of a Debian mirror>"
            )
        refusals: list[str] = []
        for number, source in enumerate(sources):
            tell(f"asking {source.uri} for Debian {SUITE}", 0.05 * (1 + number / len(sources)))
            try:
                return self._fetch_from(source, tell)
            except CannotInstall as refusal:
                if "No space left" in str(refusal):
                    raise
                refusals.append(f"  {source.uri}: {refusal}")
        raise CannotInstall(
            f"no source of this machine's apt gave Debian {SUITE}'s Asterisk:\n" + "\n".join(refusals) + "\n"
            "If the network is down, connect it and run this again: what has been fetched is kept. "
            f"If this is not Debian, name a Debian mirror in {MIRROR_VARIABLE} and install its keys with "
            "'apt-get install debian-archive-keyring'. "
            f"Or install Asterisk {_dotted(NEEDED)} or later yourself."
        )

    def _fetch_from(self, source: Source, tell: Progress) -> list[Path]:
        parts = self.home / "sources.d"
        parts.mkdir(exist_ok=True)
        architecture = _run(["dpkg", "--print-architecture"], "ask dpkg", os.environ).strip()
        (parts / "debian.sources").write_text(source.stanza(SUITE, architecture), "utf-8")
        self._get(["update"], "read the list of packages")
        listing = self._get(["install", "--yes", "--print-uris", "asterisk"], "resolve Asterisk's packages")
        wanted = re.findall(r"^'\S+' (\S+\.deb) ", listing, re.MULTILINE)
        archives = self.home / "cache/archives"
        self._get(
            ["install", "--yes", "--download-only", "asterisk"],
            "fetch Asterisk's packages",
            lambda share: tell("fetching Asterisk", 0.1 + 0.5 * share),
        )
        # What an earlier run had fetched is not in `wanted`, so take the list from apt's own plan.
        plan = self._get(["install", "--simulate", "asterisk"], "list Asterisk's packages")
        files = _archives(plan, archives)
        if not files or not {archives / name for name in wanted} <= set(files):
            raise CannotInstall("apt reported success, but the packages are not there")
        return files

    def _get(self, arguments: Sequence[str], what: str, share: Callable[[float], None] | None = None) -> str:
        environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "-c", str(self.configuration), "--quiet", *arguments]
        if share is None:
            return _run(command, what, environment)
        reading, writing = os.pipe()
        command[3:3] = ["-o", f"APT::Status-Fd={writing}"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, pass_fds=[writing], text=True
        )
        os.close(writing)
        with os.fdopen(reading) as status:
            for line in status:
                if found := re.match(r"dlstatus:\d+:([\d.]+):", line):
                    share(float(found[1]) / 100)
        _, errors = process.communicate()
        if process.returncode:
            raise CannotInstall(_reason(what, errors))
        return ""


def _archives(plan: str, archives: Path) -> list[Path]:
    """The files of the packages that a simulated install names (`Inst name (version ... [arch])`)."""
    files: list[Path] = []
    for name, version, architecture in re.findall(r"^Inst (\S+?)(?::\S+)? \((\S+) .*\[(\w+)\]\)", plan, re.MULTILINE):
        file = archives / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
        if not file.is_file():
            raise CannotInstall(f"apt reported success, but {file.name} is not there")
        files.append(file)
    return files


def _run(command: Sequence[str], what: str, environment: Mapping[str, str]) -> str:
    """What the command wrote. Raises CannotInstall with what it complained about."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except OSError as error:
        raise CannotInstall(f"could not {what}: {error}") from error
    if done.returncode:
        raise CannotInstall(_reason(what, done.stderr or done.stdout))
    return done.stdout


def _reason(what: str, complaint: str) -> str:
    errors = [line for line in complaint.splitlines() if line.startswith(("E:", "Err", "dpkg-deb: error"))]
    return f"could not {what}: " + " ".join(errors[:4] or complaint.splitlines()[-3:])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
