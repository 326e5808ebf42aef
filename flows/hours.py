"""When is what open?"""

from typing import Final

from domain.commands import AskHours
from domain.model import KnownCaller, Opening
from flows import vocabulary
from flows.parting import parting
from ivr.dialog import Call, Phrase, one_of

SERVICES: Final = (
    "agents",
    "interruptions",
    "service",
    "billing",
    "metering",
    "connection",
    "supply",
    "quality",
    "other",
)
"""Those that have a name in the catalogue, the ones that are asked about most first; nine, as a menu has keys."""

DAYS: Final = (
    "daily",
    "workdays",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


async def hours(call: Call, _: KnownCaller, account: str | None) -> str | None:
    """Tell the hours of one service after another; `account` as it was."""
    call.about(topic="hours")
    openings = await call.do(AskHours())
    services = named(openings)
    while services:
        service = await choose_service(call, services)
        await call.say("hours_of", service=Phrase(f"service_{service}"), hours=told(openings, service))
        if len(services) == 1 or not await parting(call, "other_hours"):
            return account
    await call.say("hours_unknown")
    return account


async def choose_service(call: Call, services: tuple[str, ...]) -> str:
    """The one there is, or the one that the caller picks."""
    if len(services) == 1:
        return services[0]
    choices = tuple(
        Phrase("service_choice", (("service", Phrase(f"service_{service}")), ("key", key)))
        for key, service in enumerate(services, 1)
    )
    return await call.ask("which_hours", one_of(*services, said=vocabulary.TOPICS, named="service"), choices=choices)


def named(openings: tuple[Opening, ...]) -> tuple[str, ...]:
    """The services that we can tell the hours of, in our order."""
    told = {opening.service for opening in openings if opening.days in DAYS}
    return tuple(service for service in SERVICES if service in told)


def told(openings: tuple[Opening, ...], service: str) -> tuple[Phrase, ...]:
    """Its hours as sentences."""
    return tuple(_opening(opening) for opening in openings if opening.service == service and opening.days in DAYS)


def _opening(opening: Opening) -> Phrase:
    days = Phrase(f"open_{opening.days}")
    if opening.begins is None or opening.ends is None:
        return Phrase("open_always", (("days", days),))
    return Phrase("open_from", (("days", days), ("begins", opening.begins), ("ends", opening.ends)))
