"""A file from the web, into a folder, that survives a lost connection.

Rule: what came is kept beside a mark of its version (ETag or Last-Modified); the same command asks for the rest of
that very version (Range with If-Range, RFC 9110) and begins anew when the server has another, or gives no parts.
"""

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from ivr.speech.models.unpack import CHUNK, MOST_BYTES, Tell

PATIENCE: Final = 30.0
"""Seconds of silence from the server before the connection counts as lost."""


class CannotDownload(Exception):
    """The file can't be had; the message says why and what to do."""


def download(url: str, folder: Path, tell: Tell) -> Path:
    """The file at this address, whole, in `folder`.  Raises CannotDownload; OSError when it can't be written."""
    part = part_of(url, folder)
    mark = part.with_suffix(".version")
    have = part.stat().st_size if part.exists() and mark.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "grid-hotline", "Accept-Encoding": "identity"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", mark.read_text())
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)  # noqa: S310  http and https only: see `is_address`
    except urllib.error.HTTPError as fault:
        if fault.code == 416:  # nothing after what we have: either it is whole, or it was another file
            discard(part)
            return download(url, folder, tell)
        raise CannotDownload(f"{shown(url)} answers {fault.code} {fault.reason}: is the address right?") from fault
    except (OSError, http.client.HTTPException, ValueError) as fault:
        why = fault.reason if isinstance(fault, urllib.error.URLError) else fault
        raise CannotDownload(f"{shown(url)} can't be reached: {why}. Run the same command again later") from fault
    with answer:
        goes_on = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        if answer.status == 206 and not goes_on:
            discard(part)
            raise CannotDownload(f"{shown(url)} sent another part than asked for; run the same command again")
        done = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        of = done + int(length) if length and length.isdigit() else 0
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        discard(mark)
        with part.open("ab" if goes_on else "wb") as file:
            if version and not version.startswith("W/"):
                mark.write_text(version)
            while chunk := _more(answer):
                file.write(chunk)
                done += len(chunk)
                tell("downloading", done, of)
                if done > MOST_BYTES:
                    raise CannotDownload(f"{shown(url)} is larger than {MOST_BYTES >> 30} GB: that is no model")
    if chunk is None or done < of:
        kept = "what came is kept: run the same command again" if mark.exists() else "run the same command again"
        raise CannotDownload(f"the connection was lost after {done >> 10:,} kB of {of >> 10 or 'many':,}; {kept}")
    return part


def part_of(url: str, folder: Path) -> Path:
    """Where the file of this address is while it comes."""
    return folder / f".part-{hashlib.sha256(url.encode()).hexdigest()[:16]}.data"


def is_address(source: str) -> bool:
    """Whether this is something to download."""
    return bool(re.match(r"https?://", source, re.IGNORECASE))


def discard(part: Path) -> None:
    """Forget a downloaded file and its mark."""
    for path in (part, part.with_suffix(".version")):
        path.unlink(missing_ok=True)


def _more(answer: http.client.HTTPResponse) -> bytes | None:
    """What comes next; empty at the end, None when the connection is lost."""
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException):
        return None


def shown(url: str) -> str:
    """An address without what may be secret in it."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])
