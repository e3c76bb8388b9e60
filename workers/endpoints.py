"""Where webhooks may go: endpoints that the operator lists by name, and origins under which a client may
name a URL. Nothing that a client sends can widen either.
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv6Address
from math import inf
from typing import NamedTuple

from workers.settings import Settings, SettingsError, split

PORTS = {"http": 80, "https": 443}
LAST_PORT = 65_535
MOST_CHARACTERS = 2048
LONGEST_WAIT_S = 259_200.0
LEAST_BYTES, MOST_BYTES = 24, 64
PREFIX = "whsec_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# So narrow that no two parsers can differ about it: no user, no backslash, no space, no fragment.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[\w.~!$&'()*+,;=:@%/-]*)?(?:\?[\w.~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)


class UnknownEndpoint(LookupError):
    """The operator lists no such endpoint."""


class Origin(NamedTuple):
    """Scheme, host and port, which two URLs of one origin share."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One that may be sent to. `secrets` are its signing keys, the newest first."""

    name: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All that may be sent to. `secrets` by endpoint; those under "" are for all without their own."""

    urls: Mapping[str, str]
    origins: frozenset[Origin]
    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    default: str = ""

    def find(self, word: str) -> Endpoint:
        """The endpoint of this name, or at this URL. Raises UnknownEndpoint."""
        if word in self.urls:
            return Endpoint(word, self.urls[word], self.secrets.get(word) or self.secrets[""])
        if len(word) <= MOST_CHARACTERS and origin_of(word) in self.origins:
            return Endpoint("", word, self.secrets[""])
        raise UnknownEndpoint(word)


def waits_of(settings: Settings) -> tuple[float, ...]:
    """The seconds before each further attempt. Raises SettingsError."""
    try:
        waits_s = tuple(map(float, split(settings.webhook_retries_s)))
    except ValueError:
        waits_s = (inf,)
    if not all(0 < wait_s <= LONGEST_WAIT_S for wait_s in waits_s):
        raise SettingsError("WEBHOOK_RETRIES_S: use seconds from above 0 to 259200, comma-separated")
    return waits_s


def origin_of(url: str) -> Origin | None:
    """The origin of a URL of the plainest kind, its host in lower case; None for any other."""
    found = URL.fullmatch(url)
    if found is None:
        return None
    scheme = found["scheme"]
    origin = Origin(scheme, found["host"], int(found["port"] or PORTS[scheme]))
    return origin if 0 < origin.port <= LAST_PORT and is_host(origin.host) else None


def is_host(word: str) -> bool:
    """Whether a word in the form of a host is one: what stands in brackets has to be an IPv6 address."""
    try:
        return not word.startswith("[") or bool(IPv6Address(word[1:-1]))
    except ValueError:
        return False


@cache
def read_endpoints(settings: Settings) -> Endpoints:
    """The endpoints in the words of the settings. Raises SettingsError, without a secret in it."""
    urls = dict(map(read_named, split(settings.webhooks)))
    origins = frozenset(map(read_host, split(settings.webhook_hosts)))
    default = settings.webhook_default
    if default and default not in urls:
        raise SettingsError(f"WEBHOOK_DEFAULT={default}: WEBHOOKS lists no such name")
    secrets = read_secrets(split(settings.webhook_secret), urls)
    for name in [*urls, ""] if origins else urls:
        if not (secrets.get(name) or secrets.get("")):
            whom = f"the endpoint {name!r}" if name else "WEBHOOK_HOSTS"
            raise SettingsError(f"WEBHOOK_SECRET: {whom} needs one; nothing is sent unsigned")
    return Endpoints(urls, origins, secrets, default)


def read_named(word: str) -> tuple[str, str]:
    """One of WEBHOOKS."""
    name, _, url = (part.strip() for part in word.partition("="))
    if not NAME.fullmatch(name) or origin_of(url) is None:
        raise SettingsError(f"WEBHOOKS: {name or word!r} is not of the form NAME=https://host/path")
    return name, url


def read_host(word: str) -> Origin:
    """One of WEBHOOK_HOSTS."""
    found, origin = URL.fullmatch(word), origin_of(word)
    if found is None or origin is None or found["path"] not in (None, "/") or "?" in word:
        raise SettingsError(f"WEBHOOK_HOSTS: {word!r} is not of the form https://host or https://host:port")
    return origin


def read_secrets(words: Iterable[str], names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """WEBHOOK_SECRET by endpoint; several of one endpoint all sign, so that they can be changed."""
    known: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, _, secret = ("", "", word) if word.startswith(PREFIX) else word.partition("=")
        if not is_secret(secret):
            raise SettingsError(
                f"WEBHOOK_SECRET: use {PREFIX} and {LEAST_BYTES} to {MOST_BYTES} bytes in base64, "
                "for one endpoint NAME= and that"
            )
        if name and name not in names:
            raise SettingsError("WEBHOOK_SECRET: the NAME before a secret is none of WEBHOOKS")
        known[name] = (*known.get(name, ()), secret)
    return known


def is_secret(word: str) -> bool:
    """Whether it is a secret as Standard Webhooks writes them."""
    try:
        raw = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return False
    return word.startswith(PREFIX) and LEAST_BYTES <= len(raw) <= MOST_BYTES
