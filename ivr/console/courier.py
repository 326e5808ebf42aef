"""Carries news to webhooks, signed, until they have arrived.

Rules: what is to be carried stands in the store (`domain.webhooks`); nothing is kept here, so that being killed loses
nothing.  One webhook is served in order, one message at a time; webhooks do not wait for each other.  A receiver has
`SECONDS` for everything; only its status counts, its body is not read.

Theory: the signature is that of Standard Webhooks 1.0 (standardwebhooks.com): `webhook-id`, `webhook-timestamp`
(seconds since 1970) and `webhook-signature`, "v1," and HMAC-SHA256 of "id.timestamp.body" by the secret's bytes;
after a change of secrets two signatures, separated by a space.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp

from domain import idempotency, webhooks
from domain.store import Connection, Store, StoreFault
from domain.webhooks import Delivery, Result
from ivr.console import addresses
from ivr.console.addresses import BadAddress, Forbidden
from ivr.console.turns import Turns

log = logging.getLogger(__name__)

T = TypeVar("T")

SECONDS: Final = 15.0
"""In which a receiver answers."""

LEASE: Final = timedelta(seconds=60)
"""How long an attempt is ours; longer than it can take.  After a crash the next one waits for its end."""

LOOK: Final = 1.0
"""Seconds between looks at the store, for news of other processes and pauses that are over."""

TIDY: Final = timedelta(hours=1)
"""Between looks for what may be forgotten."""

UNTAKEABLE: Final = frozenset({400, 413, 422})
"""Statuses by which a receiver refuses this very message."""

LONGEST_WISH: Final = timedelta(hours=6)
"""The longest pause that a receiver may ask for."""


def sign(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """One signature, "v1,...".  secret: "whsec_" and base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id_}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def message(delivery: Delivery) -> bytes:
    """The body: the same at every attempt."""
    data = delivery.facts if delivery.account is None else {"account": delivery.account, **delivery.facts}
    told = {"type": delivery.kind, "timestamp": delivery.at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def headers(delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
    """Of an attempt at this moment."""
    at = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": "grid-hotline-webhooks/1",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(sign(secret, delivery.id, at, body) for secret in delivery.secrets),
    }


class Courier:
    """Runs in the process of the API.  turns: its writes.  clock: the time, UTC.  woken: set when there is news."""

    def __init__(
        self,
        store: Store,
        turns: Turns,
        clock: Callable[[], datetime],
        woken: asyncio.Event,
        *,
        plain: bool = False,
        private: bool = False,
        counted: Callable[[Result], None] = lambda _: None,
        session: Callable[[], Any] | None = None,
    ) -> None:
        self._store = store
        self._turns = turns
        self._clock = clock
        self._woken = woken
        self._plain = plain
        self._private = private
        self._counted = counted
        self._session = session or (lambda: addresses.session(private=private, seconds=SECONDS))
        self._rounds: dict[int, asyncio.Task[None]] = {}
        self._tidied: datetime | None = None

    async def run(self) -> None:
        """Carry until cancelled.  A store that fails is waited for; anything else is a mistake and is logged."""
        async with self._session() as http:
            try:
                while True:
                    self._woken.clear()
                    try:
                        await self._look(http)
                    except StoreFault as fault:
                        log.warning("news waits: %s", fault)
                    except Exception:
                        log.exception("a mistake while looking for news")
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK):
                            await self._woken.wait()
            finally:
                for task in self._rounds.values():
                    task.cancel()
                await asyncio.gather(*self._rounds.values(), return_exceptions=True)

    async def once(self) -> None:
        """Carry all that is due now, and return."""
        async with self._session() as http:
            await self._look(http)
            await asyncio.gather(*self._rounds.values())

    async def _look(self, http: aiohttp.ClientSession) -> None:
        """Spread what is new, and begin a round for each webhook with something due."""
        while await self._read(webhooks.unspread) and await self._write(
            lambda conn: webhooks.spread(conn, self._clock())
        ):
            pass
        now = self._clock()
        for webhook, next_at in (await self._read(webhooks.heads)).items():
            if next_at <= now and webhook not in self._rounds:
                task = asyncio.create_task(self._round(http, webhook), name=f"webhook-{webhook}")
                self._rounds[webhook] = task
                task.add_done_callback(lambda _, of=webhook: self._rounds.pop(of, None))
        if self._tidied is None or now - self._tidied >= TIDY:
            self._tidied = now
            while await self._write(lambda conn: webhooks.forget(conn, now) + idempotency.forget(conn, now)):
                pass

    async def _round(self, http: aiohttp.ClientSession, webhook: int) -> None:
        """Carry what is due to one webhook, in order, until nothing is or something fails."""
        try:
            delivery = await self._write(lambda conn: webhooks.claim(conn, webhook, self._clock(), LEASE))
            while delivery is not None:
                result, error, wish = await self._attempt(http, delivery)
                self._counted(result)
                if result is not Result.DELIVERED:
                    log.info("webhook %d, event %d, attempt %d: %s", webhook, delivery.event, delivery.attempt, error)
                delivery = await self._write(_settle_and_claim(delivery, result, self._clock(), error, wish))
        except StoreFault as fault:
            log.warning("webhook %d waits: %s", webhook, fault)
        except Exception:
            log.exception("a mistake while carrying news to webhook %d", webhook)

    async def _attempt(
        self, http: aiohttp.ClientSession, delivery: Delivery
    ) -> tuple[Result, str | None, timedelta | None]:
        """What became of it, in words where it went wrong, and the pause that the receiver asks for."""
        body = message(delivery)
        now = self._clock()
        try:
            url = addresses.checked(delivery.url, plain=self._plain, private=self._private)
            async with http.post(
                url, data=body, headers=headers(delivery, body, now), allow_redirects=False
            ) as response:
                return _verdict(response.status, response.headers.get("Retry-After"), now)
        except (BadAddress, Forbidden) as fault:
            return Result.FAILED, str(fault), None
        except TimeoutError:
            return Result.FAILED, f"no answer from {urlsplit(delivery.url).hostname} in {SECONDS:.0f} s", None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            return Result.FAILED, f"{type(fault).__name__}: {fault}"[:300], None

    async def _read(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.read(job))

    async def _write(self, job: Callable[[Connection], T]) -> T:
        return await self._turns.write(job)


def _settle_and_claim(
    delivery: Delivery, result: Result, now: datetime, error: str | None, wish: timedelta | None
) -> Callable[[Connection], Delivery | None]:
    """One transaction for the end of an attempt and the beginning of the next."""

    def job(conn: Connection) -> Delivery | None:
        webhooks.settle(conn, delivery, result, now, error=error, not_before=wish)
        return webhooks.claim(conn, delivery.webhook, now, LEASE)

    return job


def _verdict(status: int, retry_after: str | None, now: datetime) -> tuple[Result, str | None, timedelta | None]:
    if 200 <= status < 300:
        return Result.DELIVERED, None, None
    if status == 410:
        return Result.GONE, "it answered 410", None
    if status in UNTAKEABLE:
        return Result.REFUSED, f"it answered {status}", None
    if 300 <= status < 400:
        return Result.FAILED, f"it answered {status}: redirects are not followed, change the webhook's address", None
    return Result.FAILED, f"it answered {status}", _wish(retry_after, now)


def _wish(retry_after: str | None, now: datetime) -> timedelta | None:
    """Of Retry-After: seconds or a date; nonsense is no wish."""
    if not retry_after:
        return None
    try:
        if retry_after.strip().isdigit():
            wish = timedelta(seconds=int(retry_after[:9]))
        else:
            wish = parsedate_to_datetime(retry_after) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(), min(wish, LONGEST_WISH))
