"""Where a webhook may lead: to the public internet, never into our own network.

Rules
1. `https` only, unless plain `http` was allowed in the settings; no user name in the address.
2. An address counts as what it stands for: IPv4 inside IPv6 (mapped, 6to4, Teredo, NAT64) is that IPv4.
3. A name is resolved for each connection, and what it resolved to is what is connected to: a name that leads to a
   public address while we look and to ours a moment later (DNS rebinding) leads nowhere.  Redirects are not followed.
4. Networks of our own (private, loopback, link-local with the clouds' metadata, shared, reserved, multicast) are
   refused, unless the settings allow them: a receiver inside the company's network is a legitimate wish.
"""

import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class BadAddress(ValueError):
    """No webhook may lead there; the message says why."""


class Forbidden(Exception):
    """The name leads into a network where no webhook may lead."""


def checked(url: str, *, plain: bool = False, private: bool = False) -> str:
    """The address of a webhook, if one may lead there.  plain: http, too.  private: our own networks, too.

    A name is not resolved here; see `Guard`.  Raises BadAddress.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress("that is no address") from None
    if not url.isascii() or any(letter <= " " or letter in '\\"<>^`{|}' for letter in url):
        raise BadAddress("an address has letters of ASCII without spaces; write other names in punycode")
    if parts.scheme not in (("https", "http") if plain else ("https",)):
        raise BadAddress("it must begin with https://")
    if not parts.hostname or port == 0:
        raise BadAddress("it names no host")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("no user name or password in the address: messages are signed")
    if parts.fragment:
        raise BadAddress("it has a fragment (#), which is never sent")
    if not private and not _may_be_reached(parts.hostname):
        raise BadAddress("it leads into a private network")
    return url


def public(address: str) -> bool:
    """Whether this is an address of the public internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def _may_be_reached(host: str) -> bool:
    """False for an address that is not public; a name may, until it is resolved."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.rstrip(".").lower() != "localhost"
    return public(host)


class Guard(AbstractResolver):
    """Resolves names for connections, and refuses those that lead where no webhook may lead."""

    def __init__(self, *, private: bool = False, resolver: AbstractResolver | None = None) -> None:
        self._private = private
        self._resolver = resolver or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All that it leads to.  Raises Forbidden when any of it is not public."""
        found = await self._resolver.resolve(host, port, family)
        if not self._private and not all(public(each["host"]) for each in found):
            raise Forbidden(f"{host} leads into a private network")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def session(*, private: bool = False, seconds: float = 15.0, resolver: AbstractResolver | None = None) -> Any:
    """For deliveries: guarded, without cookies and proxies, one deadline for all of an attempt."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=Guard(private=private, resolver=resolver), use_dns_cache=False, limit=32, limit_per_host=4
        ),
        timeout=aiohttp.ClientTimeout(total=seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )
