"""Where webhooks may go: what the operator lists, and nothing that is only spelt like it."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiving import OTHER_SECRET, SECRET, Receiver
from standardwebhooks import Webhook

from workers.deliveries import Reply
from workers.delivering import headers_of, posted
from workers.endpoints import PORTS, URL, Endpoint, UnknownEndpoint, origin_of, read_endpoints, waits_of
from workers.settings import Settings, SettingsError

CRM = "https://crm.example.com/hooks/chorus"
EVENT = b'{"type":"job.completed"}'


def settings(**changes: str) -> Settings:
    """A named endpoint and an origin, unless said otherwise."""
    usual = {
        "webhooks": f"crm={CRM}",
        "webhook_hosts": "https://hooks.example.com, https://ci.example.com:8443/",
        "webhook_secret": SECRET,
    }
    return Settings(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on this machine."""
    with Receiver() as found:
        yield found


@given(st.from_regex(URL, fullmatch=True))
def test_a_url_that_is_taken_leads_where_its_sender_also_sends_it(url: str) -> None:
    if origin := origin_of(url):
        read = httpx.URL(url)
        assert (read.scheme, read.port or PORTS[read.scheme]) == (origin.scheme, origin.port)
        assert read.host in (origin.host, origin.host.strip("[]"))
        assert not read.userinfo


@pytest.mark.parametrize(
    "word",
    [
        "crm",
        "https://hooks.example.com",
        "https://hooks.example.com:443/a?b=c",
        "https://ci.example.com:8443/x",
    ],
)
def test_an_endpoint_is_found_by_its_name_or_under_a_listed_origin(word: str) -> None:
    assert read_endpoints(settings()).find(word).secrets == (SECRET,)


@pytest.mark.parametrize(
    "word",
    [
        CRM,
        "https://ci.example.com/",
        "http://hooks.example.com/",
        "https://hooks.example.com:8443/",
        "https://hooks.example.com.evil.example/",
        "https://hooks.example.com@evil.example/",
        "https://evil.example/#https://hooks.example.com",
        "https://hooks.example.com\\.evil.example/",
        "https://hooks.example.com/\r\nHost: evil.example",
        "HTTPS://HOOKS.EXAMPLE.COM/",
        "//hooks.example.com/",
        "https://hooks.example.com/" + "a" * 2048,
    ],
)
def test_what_is_not_listed_is_unknown(word: str) -> None:
    with pytest.raises(UnknownEndpoint):
        read_endpoints(settings()).find(word)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"webhooks": "crm"}, "WEBHOOKS: 'crm' is not of the form"),
        ({"webhooks": "crm=ftp://crm.example.com/"}, "WEBHOOKS: 'crm' is not of the form"),
        ({"webhooks": "crm=https://[::zz]/"}, "WEBHOOKS: 'crm' is not of the form"),
        ({"webhooks": "crm=https://crm.example.com:0/"}, "WEBHOOKS: 'crm' is not of the form"),
        ({"webhook_hosts": "https://hooks.example.com/only/here"}, "WEBHOOK_HOSTS: .* is not of the form"),
        ({"webhook_hosts": "hooks.example.com"}, "WEBHOOK_HOSTS: .* is not of the form"),
        ({"webhook_default": "erp"}, "WEBHOOK_DEFAULT=erp: WEBHOOKS lists no such name"),
        ({"webhook_secret": ""}, "WEBHOOK_SECRET: the endpoint 'crm' needs one"),
        ({"webhook_secret": f"crm={SECRET}"}, "WEBHOOK_SECRET: WEBHOOK_HOSTS needs one"),
        ({"webhook_secret": "whsec_c2hvcnQ="}, "WEBHOOK_SECRET: use whsec_ and 24 to 64 bytes"),
        ({"webhook_secret": f"erp={SECRET}"}, "WEBHOOK_SECRET: the NAME before a secret is none"),
    ],
)
def test_a_mistake_in_the_settings_is_named(changes: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_endpoints(settings(**changes))


@pytest.mark.parametrize("waits", ["soon", "0", "-1", "nan", "5,259201"])
def test_waits_are_seconds_within_three_days(waits: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_RETRIES_S"):
        waits_of(settings(webhook_retries_s=waits))


def test_while_a_secret_is_changed_both_sign() -> None:
    found = read_endpoints(settings(webhook_secret=f"{OTHER_SECRET},{SECRET}")).find("crm")
    headers = headers_of(found, "msg_1", EVENT)
    for secret in (SECRET, OTHER_SECRET):
        assert Webhook(secret).verify(EVENT, headers)


def test_a_name_that_leads_to_this_machine_is_sent_nothing(receiver: Receiver) -> None:
    url = receiver.origin.replace("127.0.0.1", "0.0.0.0")
    reply = posted(Endpoint("crm", url, (SECRET,)), "msg_1", EVENT, timeout_s=5)
    assert reply == Reply(None, "forbidden_address")
    assert receiver.hooks == []


def test_this_machine_is_sent_to_where_the_operator_says_just_that(receiver: Receiver) -> None:
    assert posted(Endpoint("crm", receiver.origin, (SECRET,)), "msg_1", EVENT, timeout_s=5) == Reply(200)
    assert receiver.hooks[0].is_signed()


def test_an_endpoint_where_nobody_listens_is_unreachable() -> None:
    with Receiver() as gone:
        url = gone.origin
    reply = posted(Endpoint("crm", url, (SECRET,)), "msg_1", EVENT, timeout_s=5)
    assert reply == Reply(None, "unreachable")
