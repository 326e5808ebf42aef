"""Settings of a hotline: from a TOML file, overridden by the environment.

Rules
1. Every setting has a default that is right for one machine.
2. What can't be a setting is a message that names it, never a guess and never passed over in silence: names of
   questions and timers, the exchange's fields, and every variable of the environment that begins with `IVR_`.
3. The environment's names are `IVR_` and the setting's, with `__` between a group and its member:
   `IVR_SIP_PORT=5060`, `IVR_ASTERISK__SIP_BIND=0.0.0.0`.  An empty one is not set; one that begins with `{` is a
   whole group as JSON; every other one is text and becomes what its setting is: a password of digits stays one.

`docs/settings.md` lists them all.
"""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, FiniteFloat, SecretStr, TypeAdapter, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from domain.model import Language
from domain.roles import Role
from flows import FLOWS
from ivr.asterisk.config import AsteriskConfig
from ivr.dialog import Manner
from ivr.dialog.grammar import KEYS
from prompts.composer import CatalogueError, read_texts

FILE = "hotline.toml"
PREFIX: Final = "IVR_"
NO_SETTINGS: Final = frozenset({"IVR_APT_MIRROR", "IVR_TEST_CALLS", "IVR_TEST_PAGES"})
"""Variables that begin like ours and are read elsewhere: by `ivr asterisk install`, and by `./test`."""
GROUPS: Final = frozenset({"questions", "asterisk", "models", "oidc_roles"})
"""Settings that have members."""


class BadSettings(Exception):
    """The settings can't be used; the message names each wrong one and says why."""


class Settings(BaseSettings):
    """What may be set.  Durations in seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    data: Path = Field(Path("data"), description="everything that is kept: store, recordings, Asterisk")
    store: str | None = Field(None, description="database URL; default: hotline.db (SQLite) in the data directory")
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = Field(
        "a", description="this controller's name, unique among the controllers of one Asterisk"
    )
    flow: str = Field("main_menu", description="the conversation that callers get")
    numbers: dict[str, str] = Field(
        {"101": "meter_reading"},
        description="numbers that lead to another conversation: dialled number (as the provider sends it) = its name",
    )
    capacity: int = Field(200, ge=1, description="the most calls that this controller conducts at one time")
    sip_port: int | None = Field(None, ge=1, le=65535, description="UDP; default: free")
    ari_port: int | None = Field(None, ge=1, le=65535, description="TCP, ARI on loopback; default: free")
    http_port: int | None = Field(
        None, ge=1, le=65535, description="TCP, health and figures on loopback; default: free"
    )
    api_address: str = Field("127.0.0.1", description="where `ivr api` is served, an IP address; it is not encrypted")
    api_port: int | None = Field(None, ge=1, le=65535, description="TCP, the channel API (`ivr api`); default: free")
    organisation: str | None = Field(
        None, description="the company's name, as letters, reports and exported calls carry it"
    )
    console_address: str = Field(
        "127.0.0.1", description="where `ivr console` is served, an IP address; it is not encrypted"
    )
    console_port: int | None = Field(
        None, ge=1, le=65535, description="TCP, the console of supervisors (`ivr console`); default: free"
    )
    console_https: bool = Field(
        False, description="browsers come to the console by https, through a proxy: its cookies go nowhere else"
    )
    console_name: str | None = Field(
        None,
        pattern=r"^([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?$",
        description="host (and port, unless it is the usual one) under which browsers know the console; asked for by "
        "another name it answers nothing. Default: any name; OIDC needs it",
    )
    console_proxies: str | None = Field(
        None,
        description="IP addresses (or networks) of proxies before the console, separated by commas: they are "
        "believed about where a browser is (X-Forwarded-For)",
    )
    oidc_issuer: str | None = Field(
        None,
        description="the company's own sign-in (OpenID Connect): its issuer, https://...; default: passwords only",
    )
    oidc_client: str | None = Field(None, description="as whom the console is registered there")
    oidc_secret: SecretStr | None = Field(
        None, description="and its secret, if it has one; give it in the environment: IVR_OIDC_SECRET"
    )
    oidc_scopes: str = Field("openid profile email", description="what is asked for there, separated by spaces")
    oidc_claim: str = Field("groups", description="the claim of the ID token that names somebody's groups")
    oidc_roles: dict[str, Role] = Field(
        default_factory=dict,
        description="group = role; of several the first one counts. Who is in none is not let in",
    )
    oidc_make: bool = Field(
        False,
        description="who signs in there for the first time gets an account; false: it has to be made before, "
        "with the login that is their e-mail address or user name there",
    )
    webhooks_plain: bool = Field(False, description="webhooks may lead to http:// too, not only to https://")
    webhooks_private: bool = Field(
        False, description="webhooks may lead into private networks and to this machine, too"
    )
    rtp_ports: str | None = Field(None, pattern=r"^\d{4,5}-\d{4,5}$", description="UDP; FIRST-LAST, two for a call")
    drain: FiniteFloat = Field(60.0, ge=0, description="how long calls may go on after the order to stop")
    keep_asterisk: bool = Field(True, description="leave Asterisk and its calls alone on an orderly stop")
    speech: bool = Field(True, description="callers may speak as well as press keys; false: keys only")
    models: dict[str, str] = Field(
        default_factory=dict,
        description="what speech is understood with: language = name of an installed model (`ivr models`), or a "
        'directory; "none" for keys only. Default: what was installed for it, else the model that comes with the '
        "project (uk, ru)",
    )
    speech_workers: int | None = Field(
        None, ge=1, le=256, description="processes that understand speech; default: one for each core"
    )
    transcripts: bool = Field(True, description="what callers told is written down after the call (`ivr transcribe`)")
    whisper_model: Path | None = Field(
        None, description="directory of a faster-whisper model: a second engine for transcripts; never downloaded"
    )
    questions: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="timers of a question by its prompt's name; see below"
    )
    asterisk: dict[str, Any] = Field(
        default_factory=dict, description="what Asterisk is told: trunk, agents, addresses, longest_call, ..."
    )

    @field_validator("flow")
    @classmethod
    def _flow_exists(cls, name: str) -> str:
        if name not in FLOWS:
            raise ValueError(f"there is no conversation {name!r}; there are: {', '.join(sorted(FLOWS))}")
        return name

    @field_validator("numbers")
    @classmethod
    def _numbers_lead_somewhere(cls, numbers: dict[str, str]) -> dict[str, str]:
        for number, name in numbers.items():
            if not re.fullmatch(r"[0-9+]{1,40}|hotline", number):
                raise ValueError(f"{number!r} is no number that somebody could dial")
            cls._flow_exists(name)
        return numbers

    @field_validator("api_address", "console_address")
    @classmethod
    def _an_address(cls, address: str) -> str:
        try:
            return str(ip_address(address))
        except ValueError:
            raise ValueError("an IP address of this machine, e.g. 127.0.0.1 or 0.0.0.0") from None

    @field_validator("oidc_issuer")
    @classmethod
    def _an_issuer(cls, issuer: str | None) -> str | None:
        if issuer is not None and not re.match(
            r"https://[^\s?#]+$|http://(127\.0\.0\.1|localhost)(:\d+)?(/|$)", issuer
        ):
            raise ValueError("an address that begins with https://, as it stands in the issuer's own document")
        return issuer

    @field_validator("console_proxies")
    @classmethod
    def _proxies(cls, proxies: str | None) -> str | None:
        for proxy in (proxies or "").split(","):
            try:
                ip_network(proxy.strip() or "127.0.0.1")
            except ValueError:
                raise ValueError(
                    "IP addresses or networks, separated by commas, e.g. 127.0.0.1,10.1.0.0/16"
                ) from None
        return proxies

    @field_validator("rtp_ports")
    @classmethod
    def _ports_in_order(cls, ports: str | None) -> str | None:
        first, _, last = (ports or "1024-65535").partition("-")
        if not 1024 <= int(first) < int(last) <= 65535:
            raise ValueError("the first port comes before the last, and both lie between 1024 and 65535")
        if int(first) % 2:
            raise ValueError("the first port is an even one: RTP has the even ports, RTCP the odd ones")
        return ports

    @field_validator("models")
    @classmethod
    def _languages_of_ours(cls, models: dict[str, str]) -> dict[str, str]:
        for language in models:
            if language not in set(Language):
                raise ValueError(f"{language!r} is no language of ours; there are: {', '.join(Language)}")
        return models

    @field_validator("questions")
    @classmethod
    def _manners_exist(cls, questions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known = {prompt for texts in read_texts().values() for prompt in texts} if questions else set[str]()
        for question in questions:
            if question not in known:
                raise ValueError(f"{question}: there is no such prompt{_meant(question, known)}")
        return {q: {name: _timer(q, name, value) for name, value in own.items()} for q, own in questions.items()}

    @property
    def store_url(self) -> str:
        """Where the store is."""
        return self.store or f"sqlite:///{(self.data / 'hotline.db').resolve()}"

    @property
    def rtp_range(self) -> tuple[int, int] | None:
        """The first and the last RTP port."""
        if self.rtp_ports is None:
            return None
        first, _, last = self.rtp_ports.partition("-")
        return int(first), int(last)


def load(file: Path | None = None, **overrides: Any) -> Settings:
    """Settings from `file` (default: `hotline.toml` here, if it exists), the environment, and the command line.

    overrides: what was given on the command line; None means not given.  Raises `BadSettings`.
    """
    chosen = file or (Path(FILE) if Path(FILE).is_file() else None)
    if file is not None and not file.is_file():
        raise BadSettings(f"{file}: there is no such file")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file_settings = (TomlConfigSettingsSource(settings_cls, chosen),) if chosen else ()
            return (init_settings, _Environment(settings_cls), *file_settings)

    where = f"{chosen}: " if chosen else ""
    complaints = _strangers(os.environ)
    try:
        settings = FromFile(**{name: value for name, value in overrides.items() if value is not None})
        complaints += [f"{where}{complaint}" for complaint in _refused_by_asterisk(settings.asterisk)]
        complaints += [f"{where}{complaint}" for complaint in _half_of_oidc(settings)]
    except ValidationError as fault:
        complaints += [f"{where}{_say(error)}" for error in fault.errors()]
    except (ValueError, OSError, CatalogueError) as fault:  # TOML that is none, JSON in the environment that is none
        complaints += [f"{where}{fault}"]
    else:
        if not complaints:
            return settings
    raise BadSettings("\n".join(complaints))


class _Environment(EnvSettingsSource):
    """The environment without guesses at types: see rule 3."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        return super().decode_complex_value(field_name, field, value) if str(value).lstrip()[:1] == "{" else value


def _strangers(environment: Iterable[str]) -> list[str]:
    """Variables that look like settings and are none."""
    own = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    found: list[str] = []
    for variable in sorted(environment):
        name = variable.upper()
        group, inside, _ = name.removeprefix(PREFIX).partition("__")
        known = name in own | NO_SETTINGS or (inside and group.lower() in GROUPS)
        if name.startswith(PREFIX) and not known:
            found.append(f"{variable} in the environment: no such setting{_meant(name, own)}")
    return found


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(sorted(known))}"


def _timer(question: str, name: str, value: Any) -> Any:
    """The value of a question's timer, as what the timer is.  Raises ValueError."""
    default = getattr(Manner(), name, None)
    if default is None:
        raise ValueError(f"{question}: {name} is no timer; there are: {', '.join(Manner.__slots__)}")
    kind: TypeAdapter[Any] = TypeAdapter(FiniteFloat if isinstance(default, float) else type(default))
    try:
        right = kind.validate_strings(value) if isinstance(value, str) else kind.validate_python(value, strict=True)
    except ValidationError:
        raise ValueError(f"{question}: {name} = {value!r} should be like {default!r}") from None
    if name == "termchar" and right and right not in KEYS:
        raise ValueError(f"{question}: termchar = {value!r} is not one key; empty for none")
    least = {"tries": 1, "termchar": ""}.get(name, 0)
    if right < least:
        raise ValueError(f"{question}: {name} = {value!r} should be like {default!r}, at least {least}")
    if name == "confidencelevel" and right > 1:
        raise ValueError(f"{question}: {name} = {value!r} should be like {default!r}, at most 1")
    return right


def _refused_by_asterisk(given: dict[str, Any]) -> list[str]:
    """What is wrong with the members of `[asterisk]`, each by itself; how they go together is seen at the start."""
    try:
        AsteriskConfig.model_validate(given)
    except ValidationError as fault:
        wrong = [e for e in fault.errors() if e["loc"] and e["loc"][0] in given]
        return [f"asterisk.{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in wrong]
    return []


def _half_of_oidc(settings: Settings) -> list[str]:
    """What the company's sign-in can't do without."""
    needed = ("oidc_client", "oidc_roles", "console_name") if settings.oidc_issuer else ()
    return [f"{name}: oidc_issuer is set and needs it" for name in needed if not getattr(settings, name)]


def _say(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name}: no such setting; there are: {', '.join(Settings.model_fields)}"
    return f"{name}: {error['msg'].removeprefix('Value error, ')} (it is {error['input']!r})"
