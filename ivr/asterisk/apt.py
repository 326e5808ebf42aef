"""Reading the machine's own apt sources, in both notations, to find a Debian mirror and its keys.

Rules: sources.list(5). A source that could not serve Debian's suites (security, backports of others,
cdrom, deb-src, disabled) is no candidate; the rest are asked in turn, the system's own release first.
apt itself decides whether an answer is to be trusted, by the keys that this machine gave that source.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Source:
    """One address of one package source. `signed_by` is a keyring's path, fingerprints, or a key itself."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    trusted: bool = False

    def stanza(self, suite: str, architecture: str) -> str:
        """A deb822 source of `suite` from the same place, with the same keys."""
        lines = [
            "Types: deb",
            f"URIs: {self.uri}",
            f"Suites: {suite}",
            "Components: main",
            f"Architectures: {architecture}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        if self.trusted:
            lines.append("Trusted: yes")
        return "\n".join(lines) + "\n"


def machine_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """Every binary source that apt reads on this machine; a file that can't be read is left out."""
    found: list[Source] = []
    parts = etc / "sources.list.d"
    files = [etc / "sources.list"]
    if parts.is_dir():
        files += sorted(path for path in parts.iterdir() if path.suffix in (".list", ".sources"))
    for file in files:
        try:
            text = file.read_text("utf-8", errors="replace")
        except OSError:
            continue
        found += parse_deb822(text) if file.suffix == ".sources" else parse_one_line(text)
    return found


def parse_one_line(text: str) -> Iterator[Source]:
    """`deb [ option=value ... ] uri suite component ...`"""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)", line)
        if not match:
            continue
        options = dict(re.findall(r"([\w-]+)\+?=(\S+)", match[1] or ""))
        yield Source(
            match[2],
            (match[3],),
            tuple(match[4].split()),
            options.get("signed-by", "").replace(",", " "),
            options.get("trusted") == "yes",
        )


def parse_deb822(text: str) -> Iterator[Source]:
    """Stanzas of `Field: value`; a line that begins with a blank continues the field; # is a comment."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')}\n{line}"
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "off", "0", "without", "disable")
        if not enabled or "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            yield Source(
                uri,
                tuple(fields.get("suites", "").split()),
                tuple(fields.get("components", "").split()),
                fields.get("signed-by", ""),
                fields.get("trusted", "").lower() == "yes",
            )


def candidates(
    sources: Iterable[Source], mirror: str | None = None, release: str | None = None, keyring: Path = DEBIAN_KEYRING
) -> Iterator[Source]:
    """Sources that may have Debian testing, likeliest first, each address once.

    `mirror` replaces them all; its keys are Debian's own on this machine, where they are. `release` is the
    code name of the running system (default: from os-release).
    """
    if mirror:
        yield Source(mirror, (), ("main",), str(keyring) if keyring.is_file() else "")
        return
    release = release or _release()

    def possible(source: Source) -> bool:
        return (
            "main" in source.components
            and not source.uri.startswith("cdrom:")
            and any(re.fullmatch(r"[a-z]+(-updates|-backports)?", suite) for suite in source.suites)
        )

    def unlikeliness(source: Source) -> int:
        return 0 if release in source.suites else 1

    seen: set[str] = set()
    for source in sorted(filter(possible, sources), key=unlikeliness):
        if (address := source.uri.rstrip("/")) not in seen:
            seen.add(address)
            yield replace(source, uri=address)


def _release() -> str:
    try:
        text = Path("/etc/os-release").read_text("utf-8")
    except OSError:
        return ""
    found = re.search(r'^VERSION_CODENAME="?(\w+)', text, re.MULTILINE)
    return found[1] if found else ""
