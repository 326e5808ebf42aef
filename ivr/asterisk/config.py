"""What Asterisk is told: one model, one set of templates (asterisk-config/), for tests and production.

Rules:
1. Nothing listens beyond loopback unless the configuration says so.
2. Secrets are generated for each run directory; there are no defaults to forget.
3. The caller chooses nothing but the dialled number: no route leads out except to configured agents.
4. Every value that reaches a file is checked against that file's syntax first; a template never escapes.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import jinja2
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    model_validator,
)

MODULES: tuple[str, ...] = (
    # timing, formats, codecs
    "res_timing_timerfd",
    "codec_alaw",
    "codec_ulaw",
    "codec_a_mu",
    "codec_resample",
    "format_wav",
    "format_sln",
    "format_pcm",
    # SIP; pubsub must be there before chan_pjsip
    "res_crypto",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_acl",
    "res_pjsip_authenticator_digest",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_outbound_registration",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_caller_id",
    "res_pjsip_dlg_options",
    "res_pjsip_dtmf_info",
    "res_pjsip_header_funcs",
    "res_pjsip_logger",
    "res_pjsip_nat",
    "res_pjsip_rfc3326",
    "res_pjsip_sdp_rtp",
    "res_rtp_asterisk",
    "chan_pjsip",
    # bridges, for agents
    "bridge_simple",
    "bridge_holding",
    "bridge_softmix",
    # ARI
    "res_http_websocket",
    "res_websocket_client",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_broadcast",
    "res_stasis_device_state",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "app_stasis",
    "app_stasis_broadcast",
    "res_ari_model",
    "res_ari",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_device_states",
    "res_ari_endpoints",
    "res_ari_events",
    "res_ari_playbacks",
    "res_ari_recordings",
    "res_ari_sounds",
    # the dialplan
    "func_callerid",
    "func_channel",
    "func_groupcount",
    "func_logic",
    "func_strings",
    "func_talkdetect",
    "func_timeout",
    "app_dial",
    "app_mixmonitor",
    "app_playback",
    "app_playtones",
    "app_stack",
    "app_verbose",
    "pbx_config",
    # callers' audio for a recogniser
    "res_audiosocket",
    "app_audiosocket",
    # records of calls
    "res_cdrel_custom",
    "cel_custom",
    "res_security_log",
)
"""Modules that are loaded, in this order, and nothing else. An Asterisk without one of them won't do."""

DEFAULTED = tuple(f"{name}.conf" for name in ("acl", "ccss", "features", "pjproject", "udptl", "websocket_client"))
"""Files that Asterisk misses loudly although we want nothing from them."""


def _safe_path(path: Path) -> Path:
    """A path that means the same in every file it is written to, and in the dialplan's arguments."""
    if not path.is_absolute():
        raise ValueError(f"{path} is not an absolute path")
    if found := re.search(r"[^\w@%+=./~ -]", str(path)):
        raise ValueError(f"{path} holds {found[0]!r}, which Asterisk's files can't express: choose another place")
    return path


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return AfterValidator(check)


_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_WORD = r"[A-Za-z0-9_.+-]+"

SafePath = Annotated[Path, AfterValidator(_safe_path)]
Port = Annotated[int, Field(ge=1, le=65535)]
Word = Annotated[str, _matching(_WORD, "a plain word (letters, digits, _ . + -)")]
HostPort = Annotated[str, _matching(rf"{_HOST}(:\d{{1,5}})?", "a host or host:port")]
HostOrNet = Annotated[str, _matching(rf"{_HOST}(/\d{{1,2}})?", "a host, an address or a network")]
SipUri = Annotated[str, _matching(rf"sip:{_WORD}@{_HOST}(:\d{{1,5}})?", "a SIP address such as sip:101@pbx:5060")]


def _check_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", value := secret.get_secret_value()) or ";" in value:
        raise ValueError("a password for Asterisk has printable ASCII characters only, no blank and no semicolon")
    return secret


def _dump_secret(secret: SecretStr, info: SerializationInfo) -> str:
    return secret.get_secret_value() if info.context == KEEP_SECRETS else "**********"


KEEP_SECRETS = "keep secrets"
"""Serialisation context for the one file that keeps them, `<run>/server.json`."""

Secret = Annotated[SecretStr, AfterValidator(_check_secret), PlainSerializer(_dump_secret, when_used="json")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(value: Any) -> Any:
    """A list written as text, as an environment has it: JSON, or separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


Listed = BeforeValidator(_listed)


class Trunk(_Model):
    """The provider through which callers come."""

    hosts: Annotated[tuple[HostOrNet, ...], Listed] = Field(
        min_length=1, description="a call from one of these hosts, addresses or networks belongs to the trunk"
    )
    dtmf: Literal["rfc4733", "inband", "info", "auto", "auto_info"] = Field(
        "rfc4733",
        description="how the provider sends keys: rfc4733, inband, info, auto (rfc4733 or inband), auto_info",
    )
    registrar: HostPort | None = Field(None, description="where to register as `username`; without, no registration")
    username: Word | None = Field(None, description="of registration and of outgoing calls; together with `password`")
    password: Secret | None = Field(None, description="printable ASCII; better in IVR_ASTERISK__TRUNK__PASSWORD")
    number: Word = Field(
        "hotline", description="what the provider puts before the @ of calls to a registered hotline"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("a trunk has a username and a password, or neither")
        if self.registrar and not self.username:
            raise ValueError("registration at a trunk needs a username and a password")
        return self


class AsteriskConfig(_Model):
    """All that differs between one Asterisk and the next.

    Directories are absolute. `modules` and `share` are Asterisk's own (see `Bundle`); `sounds` holds the
    prompt audio, one folder per language (`<sounds>/uk/account.alaw` is played as `sound:ivr/uk/account`);
    `spool` receives the raw recordings.
    """

    run: SafePath
    modules: SafePath
    share: SafePath
    sounds: SafePath
    spool: SafePath = Field(description="tapes of calls in progress; default: exchange/raw in the data directory")
    ctl: SafePath  # directory of the control socket, whose whole path may not exceed 107 bytes

    sip_bind: IPv4Address = Field(
        IPv4Address("127.0.0.1"), description="where SIP and sound are taken; 0.0.0.0: every address of the machine"
    )
    sip_port: Port = Field(description="UDP; set `sip_port` above instead")
    http_bind: IPv4Address = Field(
        IPv4Address("127.0.0.1"), description="where ARI is served; it is not encrypted: leave it on loopback"
    )
    http_port: Port = Field(description="TCP, ARI; set `ari_port` above instead")
    rtp_first: Annotated[int, Field(ge=1024, le=65534, multiple_of=2)] = Field(
        description="UDP, even; set `rtp_ports` above instead"
    )
    rtp_last: Annotated[int, Field(ge=1025, le=65535)] = Field(description="UDP; set `rtp_ports` above instead")
    external_address: IPv4Address | None = Field(
        None, description="our address as the provider sees it, when we are behind NAT"
    )
    local_nets: Annotated[tuple[IPv4Network, ...], Listed] = Field(
        (), description="networks this side of the NAT, which are told our own address"
    )

    ari_user: Word = Field(
        "ivr", description="name of the controllers' account; its password is made anew at each start"
    )
    ari_password: Secret
    http_sessions: Annotated[int, Field(ge=100)] = 2000

    trunk: Trunk | None = Field(None, description="the provider; see below. Without, nobody can call from outside")
    agents: Annotated[tuple[SipUri, ...], Listed] = Field(
        (),
        description="SIP addresses of people, all rung at once; without, callers are told to call later",
    )
    agent_seconds: Annotated[int, Field(ge=1, le=600)] = Field(30, description="how long people are rung")
    loopback_endpoints: bool = False

    language: Annotated[str, _matching(r"[a-z]{2}", "a language such as uk")] = Field(
        "uk", description="of apologies to callers whom no controller took"
    )
    system_name: Word | None = Field(
        None, description="first part of every call's name, unique among Asterisks; default: the machine's name"
    )
    max_calls: Annotated[int, Field(ge=1)] = Field(
        500, description="the most calls at one time, those with people too; more are refused"
    )
    claim_ms: Annotated[int, Field(ge=50, le=10_000)] = Field(
        700, description="milliseconds in which a controller must take a call, before it goes to people"
    )
    longest_call: Annotated[int, Field(ge=1)] = Field(
        1800, description="seconds, to the end of the conversation with the machine"
    )
    longest_talk: Annotated[int, Field(ge=1)] = Field(7200, description="seconds, from the hand-over to people")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.rtp_last <= self.rtp_first:
            raise ValueError(f"RTP ports {self.rtp_first}-{self.rtp_last}: the last is not after the first")
        if self.rtp_first <= self.sip_port <= self.rtp_last:
            raise ValueError(f"SIP port {self.sip_port} lies within the RTP ports")
        return self

    @property
    def media_address(self) -> IPv4Address | None:
        """Where RTP is bound: to the SIP address, unless that is "all"."""
        return None if self.sip_bind.is_unspecified else self.sip_bind

    @property
    def ari_url(self) -> str:
        """Base of all ARI requests, without a closing slash."""
        host = "127.0.0.1" if self.http_bind.is_unspecified else self.http_bind
        return f"http://{host}:{self.http_port}/ari"

    @property
    def control_socket(self) -> Path:
        return self.ctl / "asterisk.ctl"


def new_secret() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(24))


def templates() -> Path:
    """The folder of the templates: in the source tree, or where the wheel puts it."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "asterisk-config", here.parent / "config"):
        if (folder / "asterisk.conf").is_file():
            return folder
    raise FileNotFoundError("asterisk-config/ is missing: this installation is not complete")


def render(config: AsteriskConfig, folder: Path | None = None) -> Mapping[str, str]:
    """The text of every configuration file, by file name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder or templates()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  these are no web pages; rule 4
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    values = {name: getattr(config, name) for name in AsteriskConfig.model_fields}
    values |= {"media_address": config.media_address, "module_names": MODULES}
    texts = {name: environment.get_template(name).render(values) for name in environment.list_templates(["conf"])}
    return dict.fromkeys(DEFAULTED, "; Asterisk's defaults\n") | texts


def write(config: AsteriskConfig) -> None:
    """Lay out the run directory: configuration (0600, it holds secrets) and every folder Asterisk wants.

    Raises OSError when the disk is full or a folder can't be written.
    """
    config.run.mkdir(parents=True, exist_ok=True)
    config.run.chmod(0o700)
    for name in (
        *("etc", "lib", "lib/keys", "share", "share/sounds", "share/agi-bin", "spool", "cache"),
        *("log", "log/cel-custom"),
    ):
        (config.run / name).mkdir(exist_ok=True)
    for folder in (config.spool, config.ctl):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, target in (
        ("documentation", config.share / "documentation"),  # Asterisk refuses options it can't document
        ("rest-api", config.share / "rest-api"),
        ("sounds/ivr", config.sounds),
    ):
        _link(config.run / "share" / name, target)
    for name, text in render(config).items():
        write_private(config.run / "etc" / name, text)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read. Whole or not at all, also after a power cut."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # an old one may have other rights
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
