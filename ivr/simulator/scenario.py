"""What a caller does, written down once: the same file is held as text and as a real call.

    about: A household enters one reading
    caller: "+380441110001"          # leave out: number withheld
    given:                           # how things stand before the call; leave out: people are there, and no more
      people: closed
      outages: [{account: "1000000026"}]
    steps:
      - hears: languages             # waits until this prompt begins; fails when it doesn't in time
      - keys: "1"                    # in quotes: 0123 without them is another number
      - listens                      # waits until what is being said is over
      - say: "двадцять п'ять"        # at once, over whatever is being said; after `listens`, when it is over
      - play: barking.wav            # a sound file, beside the scenario; not a word of it is understood
      - waits: 8                     # says and keys nothing for so many seconds
      - hangs up                     # without it the caller stays until the machine hangs up
    expects:
      outcome: reading_taken
      readings: [{account: "1000000005", zone: single, value: 41650}]
      requests: [{kind: complaint, topic: quality, reply_by: phone, contact: "+380441110001"}]

`say` may add whose `voice` it is (a voice of RHVoice), its `language` and its `level` (dB, 0: as people speak); and,
for the text run, what is `heard` of it with which `confidence` (1), where that isn't what was said.  `play` may add
`level` and `heard` (for the text run; without it no speech is found in the file).  `language:` of the scenario is
what the caller speaks (uk); `acoustics: {noise: babble, snr: 10, loss: 0.05, echo: -20}` is where they call from, and
how: real calls only.

Rules: prompts are named as in the catalogue; time passes only in steps that say so; the store must hold exactly what
is expected, no more and no less; nothing depends on the hour at which the scenario is held.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from domain.model import OrderKind, OutageKind, Outcome, ReplyBy, RequestKind, Status, Topic, Zone

Keys: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]+$")]
Speaks: TypeAlias = Literal["uk", "ru", "en"]
"""Languages that a caller has a voice for."""


class ScenarioError(Exception):
    """The file can't be used; the message names the file, the place in it, and what to write instead."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Hears(_Strict):
    """Wait until this prompt begins, at most `within` seconds."""

    hears: str
    within: FiniteFloat = Field(20.0, gt=0)


class Presses(_Strict):
    """Press these keys.  tone, gap: milliseconds of each key and between two."""

    keys: Keys
    tone: int = Field(100, ge=20, le=5000)
    gap: int = Field(80, ge=0, le=10_000)


class Waits(_Strict):
    """Do nothing for so many seconds."""

    waits: float = Field(gt=0, le=600)


class Listens(_Strict):
    """Wait until what is being said is over."""

    listens: None = None


class _Sound(_Strict):
    """level: dB.  heard: what a recogniser makes of it in the text run, and confidence: how sure of it (0 to 1)."""

    level: FiniteFloat = Field(default=0.0, ge=-60, le=20)
    heard: str | None = None
    confidence: FiniteFloat = Field(default=1.0, ge=0, le=1)


class Says(_Sound):
    """Say this, at once.  level: above (or below) that of usual speech.  voice, language: default the caller's."""

    say: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"\w", max_length=2000)]
    voice: Annotated[str, StringConstraints(pattern=r"^[A-Za-z-]+$")] | None = None
    language: Speaks | None = None

    @property
    def understood(self) -> str:
        """What a recogniser makes of it, in the text run: small letters, no punctuation."""
        words = self.say if self.heard is None else self.heard
        return " ".join(re.findall(r"[\w'’ʼ-]+|\[unk\]", words.lower()))


class Plays(_Sound):
    """Let this sound file be heard, at once.  level: above (or below) its own.  file: where it is, once loaded."""

    play: str
    file: Path | None = Field(default=None, exclude=True, repr=False)


class HangsUp(_Strict):
    """Put the receiver down."""

    hangs_up: None = None


Step: TypeAlias = Hears | Presses | Says | Plays | Waits | Listens | HangsUp
_BARE: dict[str, dict[str, None]] = {"listens": {"listens": None}, "hangs up": {"hangs_up": None}}
_KINDS: dict[str, type[Step]] = {
    "hears": Hears,
    "keys": Presses,
    "say": Says,
    "play": Plays,
    "waits": Waits,
    "listens": Listens,
    "hangs_up": HangsUp,
}


def _step(written: Any) -> Step:
    """One step as it stands in the file, or as a program made it."""
    if isinstance(written, Step):
        return written
    step = _BARE.get(written) if isinstance(written, str) else written
    kinds = [kind for name, kind in _KINDS.items() if isinstance(step, Mapping) and name in step]
    if len(kinds) != 1:
        raise ValueError(f"{written!r} is no step; write one of hears, keys, waits, listens, say, play, hangs up")
    if kinds[0] is Presses and not isinstance(step["keys"], str):  # type: ignore[index]
        raise ValueError(f'keys must stand in quotes: "{step["keys"]}"')  # type: ignore[index]
    if kinds[0] is Says and not isinstance(step["say"], str):  # type: ignore[index]
        raise ValueError("what is said must be words in quotes: YAML takes yes, no and 25 for something else")
    if kinds[0] is Plays and "file" in step:  # type: ignore[operator]
        raise ValueError("the file is what stands behind play:")
    return kinds[0].model_validate(step)


class ExpectedReading(_Strict):
    """A reading that must be in the store afterwards."""

    account: str
    zone: Annotated[Zone, Field(strict=False)]
    value: int
    meter: str | None = None
    status: Annotated[Status, Field(strict=False)] = Status.ACCEPTED


class ExpectedRequest(_Strict):
    """A complaint, suggestion or question that must be registered.

    told: a part of the recording holds it.  draft: the caller was gone before it was complete.
    """

    kind: Annotated[RequestKind, Field(strict=False)]
    topic: Annotated[Topic, Field(strict=False)]
    reply_by: Annotated[ReplyBy, Field(strict=False)]
    account: str | None = None
    contact: str | None = None
    told: bool = False
    draft: bool = False


class ExpectedOutage(_Strict):
    """A report that must be there."""

    kind: Annotated[OutageKind, Field(strict=False)]
    account: str | None = None
    contact: str | None = None


class ExpectedOrder(_Strict):
    """A service that must be ordered."""

    kind: Annotated[OrderKind, Field(strict=False)]
    account: str
    contact: str | None = None


class ExpectedCallBack(_Strict):
    """A call back that must be ordered."""

    about: str
    contact: str
    account: str | None = None


class Expects(_Strict):
    """What must have come of the call: exactly this, each in order."""

    outcome: Annotated[Outcome, Field(strict=False)]
    readings: list[ExpectedReading] = Field(default_factory=list[ExpectedReading])
    requests: list[ExpectedRequest] = Field(default_factory=list[ExpectedRequest])
    outages: list[ExpectedOutage] = Field(default_factory=list[ExpectedOutage])
    orders: list[ExpectedOrder] = Field(default_factory=list[ExpectedOrder])
    callbacks: list[ExpectedCallBack] = Field(default_factory=list[ExpectedCallBack])


class GivenOutage(_Strict):
    """Somebody has reported this account's outage already, by another channel."""

    account: str
    kind: Annotated[OutageKind, Field(strict=False)] = OutageKind.NO_SUPPLY


class GivenIncident(_Strict):
    """The dispatcher knows that the building of this account has no supply.

    ends_in: hours from now until it should be back.  planned: works that were announced; they have an end.
    """

    account: str
    ends_in: FiniteFloat | None = Field(None, gt=0, le=72)
    planned: bool = False

    @model_validator(mode="after")
    def _works_end(self) -> Self:
        if self.planned and self.ends_in is None:
            raise ValueError("planned works need ends_in")
        return self


class GivenRequest(_Strict):
    """Something was registered already; its number is the next one (the first: 10000012, the second: 10000020)."""

    kind: Annotated[RequestKind, Field(strict=False)] = RequestKind.COMPLAINT
    topic: Annotated[Topic, Field(strict=False)] = Topic.OTHER
    reply_by: Annotated[ReplyBy, Field(strict=False)] = ReplyBy.PHONE


class GivenAnnouncement(_Strict):
    """A supervisor has switched this prompt on, for a region or for all.  ends_in: hours from now."""

    prompt: str
    region: str | None = None
    ends_in: FiniteFloat | None = Field(None, gt=0, le=72)


class Given(_Strict):
    """How things stand before the call, beyond the demo customers; `ivr.simulator.given` sees to it.

    people: whether operators work, whatever the hour; closed: they do again in three days.
    """

    people: Literal["there", "closed"] = "there"
    outages: list[GivenOutage] = Field(default_factory=list[GivenOutage])
    incidents: list[GivenIncident] = Field(default_factory=list[GivenIncident])
    requests: list[GivenRequest] = Field(default_factory=list[GivenRequest])
    announcements: list[GivenAnnouncement] = Field(default_factory=list[GivenAnnouncement])


class Acoustics(_Strict):
    """Where the caller calls from, and how.

    noise: of a hissing line, or of people who talk around them; snr: their speech above it, dB.  loss: of packets.
    echo: how loud our voice comes back out of their telephone, dB; delay: after how many milliseconds.
    """

    noise: Literal["white", "babble"] | None = None
    snr: FiniteFloat = Field(default=20.0, ge=-10, le=60)
    loss: FiniteFloat = Field(default=0.0, ge=0, lt=1)
    echo: FiniteFloat | None = Field(default=None, ge=-80, le=0)
    delay: int = Field(default=60, ge=0, le=1000)


class Scenario(_Strict):
    """A caller and what they do.  dtmf: how their telephone sends keys.  rtp: whether it sends any sound at all."""

    about: str
    steps: list[Annotated[Step, BeforeValidator(_step)]]
    caller: Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,15}$")] | None = None
    dialled: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+*#._-]{1,64}$")] = "100"
    dtmf: Literal["rfc4733", "inband", "info"] = "rfc4733"
    rtp: bool = True
    language: Speaks = "uk"
    acoustics: Acoustics = Acoustics()
    given: Given = Given()
    expects: Expects | None = None


def load(path: Path) -> Scenario:
    """Read a scenario.  Raises `ScenarioError` with what is wrong, and where."""
    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except OSError as fault:
        raise ScenarioError(f"{path}: {fault.strerror}") from fault
    except RecursionError as fault:
        raise ScenarioError(f"{path}: not readable as YAML: brackets within brackets without end") from fault
    except (yaml.YAMLError, ValueError) as fault:  # ValueError: no UTF-8, or a date that no calendar has
        raise ScenarioError(f"{path}: not readable as YAML: {' '.join(str(fault).split())}") from fault
    if not isinstance(written, dict):
        raise ScenarioError(f"{path}: a scenario has at least the lines about: and steps:")
    try:
        scenario = Scenario.model_validate(written)
    except ValidationError as fault:
        raise ScenarioError("\n".join(f"{path}: {_place(e['loc'])}: {_plain(e)}" for e in fault.errors())) from fault
    steps = [_found(step, path, n) if isinstance(step, Plays) else step for n, step in enumerate(scenario.steps, 1)]
    return scenario.model_copy(update={"steps": steps})


def _found(step: Plays, scenario: Path, n: int) -> Plays:
    file = scenario.parent / step.play
    if not file.is_file():
        raise ScenarioError(f"{scenario}: steps {n} play: there is no file {file}")
    return step.model_copy(update={"file": file})


def _place(location: tuple[int | str, ...]) -> str:
    return " ".join(f"{part + 1}" if isinstance(part, int) else str(part) for part in location)


def _plain(error: Any) -> str:
    words = {
        "extra_forbidden": "no such setting",
        "missing": "is missing",
        "string_pattern_mismatch": f"{error['input']!r} has characters that can't be here",
    }
    return words.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


def prompt_of(clip: str) -> str:
    """The prompt that a clip is a piece of: `uk/account.second.1` -> `account`."""
    return clip.rpartition("/")[2].partition(".")[0]
