"""Signing in with the company's own account: OpenID Connect, authorization code with PKCE.

Rules (OpenID Connect Core 1.0, 3.1; RFC 9700)
1. `state`, `nonce` and the PKCE verifier are made of one random key that only this browser has (a cookie); each
   proves another leg of the way.
2. The ID token counts only when it is signed with an asymmetric key of the issuer's (never `none`, never a shared
   secret), and `iss`, `aud` (`azp`), `exp`, `iat`, `nonce` are right.  A minute of difference between clocks is
   forgiven.
3. Groups become a role by the settings, the first that fits; who is in none is not let in.
4. Addresses come from the issuer's document, which must name the very issuer that was set; https, but on loopback.
5. An e-mail address stands for somebody only when the issuer has verified it.
"""

import base64
import hashlib
import hmac
import logging
import ssl
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.integrations.base_client.errors import OAuthError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from domain.model import Language
from domain.roles import Role

log = logging.getLogger(__name__)

COMPANY: Final = "oidc"
"""The way of a session that began there."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY: Final = 60
"""Seconds."""
FRESH: Final = 3600.0
"""Seconds for which the issuer's document and keys are believed."""
AGAIN: Final = 60.0
"""Seconds after which keys are asked for again when one is unknown."""
PATIENCE: Final = httpx.Timeout(10.0)


class Doubt(Exception):
    """Not let in.  why: state, refused, unreachable, token, no_group, no_account; the text is for the trail alone."""

    def __init__(self, why: str, text: str) -> None:
        self.why = why
        super().__init__(text[:300])


@dataclass(frozen=True, slots=True)
class Who:
    """Whom the issuer says it is.  logins: under which they may have an account here, the best first."""

    subject: str
    logins: tuple[str, ...]
    name: str
    role: Role
    language: Language


class Company:
    """The issuer, as the settings say; its document and keys are kept for an hour."""

    def __init__(
        self,
        *,
        issuer: str,
        client: str,
        secret: str | None,
        back: str,
        roles: Mapping[str, Role],
        claim: str = "groups",
        scopes: str = "openid profile email",
        make: bool = False,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        """back: our address that it sends people back to.  make: accounts are made at the first sign-in."""
        self.issuer, self.make = issuer, make
        self._client, self._secret, self._back = client, secret, back
        self._roles, self._claim, self._scopes = dict(roles), claim, scopes
        self._tick = tick
        self._document: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def address(self, key: str) -> str:
        """Where to send a browser that has this key.  Raises Doubt."""
        document = await self._known()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._back,
            "scope": self._scopes,
            "state": _of(key, "state"),
            "nonce": _of(key, "nonce"),
            "code_challenge": create_s256_code_challenge(_of(key, "verifier")),
            "code_challenge_method": "S256",
        }
        there = document["authorization_endpoint"]
        return f"{there}{'&' if '?' in there else '?'}{urlencode(asked)}"

    async def who(self, key: str, code: str, state: str, error: str, now: datetime) -> Who:
        """Whom it sent back with this.  Raises Doubt."""
        if not key or not hmac.compare_digest(state.encode(), _of(key, "state").encode()):
            raise Doubt("state", "another browser, or too late")
        if error or not code:
            raise Doubt("refused", f"the issuer says {error!r}")
        return self._believed(await self._token(code, _of(key, "verifier")), _of(key, "nonce"), now)

    async def leave(self) -> str | None:
        """Where one can sign out there, too; None when it has no such place or can't be asked."""
        try:
            there = (await self._known()).get("end_session_endpoint")
        except Doubt:
            return None
        back = f"{self._back.removesuffix('/company/back')}"
        asked = urlencode({"client_id": self._client, "post_logout_redirect_uri": back})
        return f"{there}?{asked}" if isinstance(there, str) and _safe(there) else None

    async def _token(self, code: str, verifier: str) -> dict[str, Any]:
        """The claims of the ID token for this code, whose signature was right."""
        document = await self._known()
        client: Any = _oauth()(
            self._client, self._secret, redirect_uri=self._back, timeout=PATIENCE, follow_redirects=False,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none", verify=_trusted(),
        )  # fmt: skip
        try:
            async with client:
                given = await client.fetch_token(document["token_endpoint"], code=code, code_verifier=verifier)
        except (OAuthError, httpx.HTTPError, ValueError) as fault:
            raise Doubt("unreachable", f"the code could not be exchanged: {fault}") from fault
        text = given.get("id_token")
        if not isinstance(text, str):
            raise Doubt("token", "there is no ID token")
        for anew in (False, True):
            keys = await self._signing(anew=anew)
            try:
                return jwt.decode(text, keys, algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError) as fault:
                wrong = fault
        raise Doubt("token", f"its signature: {wrong}") from wrong

    def _believed(self, claims: dict[str, Any], nonce: str, now: datetime) -> Who:
        rules = jwt.JWTClaimsRegistry(
            now=lambda: int(now.timestamp()), leeway=LEEWAY, iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client}, exp={"essential": True}, iat={"essential": True},
            nonce={"essential": True, "value": nonce}, sub={"essential": True},
        )  # fmt: skip
        try:
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as fault:
            raise Doubt("token", f"{fault}") from fault
        audience, subject = claims["aud"], claims["sub"]
        several = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", None if several else self._client) != self._client:
            raise Doubt("token", "azp: it was made for another client")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise Doubt("token", "sub: nobody")
        return Who(subject, _logins(claims), _name(claims), self._role(claims), _language(claims))

    def _role(self, claims: dict[str, Any]) -> Role:
        given = claims.get(self._claim, [])
        groups = {given} if isinstance(given, str) else {each for each in given if isinstance(each, str)}
        for group, role in self._roles.items():
            if group in groups:
                return role
        raise Doubt("no_group", f"none of the groups of {claims.get('preferred_username', '?')} has a role here")

    async def _known(self) -> dict[str, Any]:
        if self._document is None or self._tick() - self._document[0] > FRESH:
            found = await self._fetched(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise Doubt("unreachable", f"the document is of another issuer: {found.get('issuer')!r}")
            for each in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(found.get(each), str) or not _safe(found[each]):
                    raise Doubt("unreachable", f"{each}: {found.get(each)!r} is no https address")
            self._document = self._tick(), found
        return self._document[1]

    async def _signing(self, *, anew: bool) -> KeySet:
        age = FRESH + 1 if self._keys is None else self._tick() - self._keys[0]
        if self._keys is None or age > (AGAIN if anew else FRESH):
            document = await self._known()
            try:
                self._keys = self._tick(), KeySet.import_key_set(await self._fetched(document["jwks_uri"]))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as fault:
                raise Doubt("unreachable", f"its keys: {fault}") from fault
        return self._keys[1]

    async def _fetched(self, url: str) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False, verify=_trusted()) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                found = answer.json()
        except (httpx.HTTPError, ValueError) as fault:
            log.error("the company's sign-in can't be reached: %s: %s", url, fault)
            raise Doubt("unreachable", f"{url}: {fault}") from fault
        if not isinstance(found, dict):
            raise Doubt("unreachable", f"{url}: not an object")
        return found


def _oauth() -> Any:
    """The library's client, loaded by who needs it.  It warns that it will want another HTTP library some day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from authlib.integrations.httpx_client import AsyncOAuth2Client
    return AsyncOAuth2Client


@cache
def _trusted() -> ssl.SSLContext:
    """Whom this machine trusts, as its administrator has set it; reading it takes longer than asking."""
    return ssl.create_default_context()


def _of(key: str, what: str) -> str:
    """43 characters that only who has the key can make."""
    made = hmac.new(key.encode(), what.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _safe(url: str) -> bool:
    """https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


def _logins(claims: dict[str, Any]) -> tuple[str, ...]:
    mail = claims.get("email") if claims.get("email_verified") is True else None
    return tuple(each for each in (claims.get("preferred_username"), mail) if isinstance(each, str) and each)


def _name(claims: dict[str, Any]) -> str:
    given = claims.get("name") or claims.get("preferred_username") or claims["sub"]
    return "".join(each if each.isprintable() else " " for each in str(given))[:120]


def _language(claims: dict[str, Any]) -> Language:
    given = str(claims.get("locale", ""))[:2].lower()
    return Language(given) if given in set(Language) else Language.UK
