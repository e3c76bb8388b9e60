"""Who is to be told of a job's end, and what a job shows of that."""

from collections.abc import Iterator

import pytest
from flask import Flask
from receiving import SECRET

from app.webhooks import chosen, taken_out, webhook_of
from tts_core.errors import InvalidRequest
from workers.deliveries import DELIVERED, Delivery
from workers.settings import Settings


@pytest.fixture(autouse=True)
def operator() -> Iterator[None]:
    """A service with two endpoints, one of which is the default."""
    app = Flask(__name__)
    listed = "crm=https://crm.example.com/,ci=https://ci.example.com/"
    app.config["SETTINGS"] = Settings(webhooks=listed, webhook_secret=SECRET, webhook_default="ci")
    with app.app_context():
        yield


def test_who_names_no_endpoint_gets_the_operators_default() -> None:
    assert chosen(None) == "ci"
    assert chosen("crm") == "crm"


@pytest.mark.parametrize("word", ["", "erp", "https://crm.example.com/", 7, ["crm"], {"url": "x"}, True])
def test_what_is_not_listed_is_refused_by_the_name_of_the_parameter(word: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chosen(word)
    assert refused.value.param == "webhook"


def test_an_upstream_does_not_see_the_field() -> None:
    assert taken_out({"model": "m", "webhook": "crm"}) == ({"model": "m"}, "crm")


def test_what_waits_tells_when_it_is_sent_next() -> None:
    shown = webhook_of("crm", Delivery(attempts=1, last_error="timeout", next_s=1767225600.5))
    assert shown is not None
    assert (shown["name"], shown["status"], shown["next_attempt_at"]) == ("crm", "pending", 1767225600)


def test_what_is_done_with_has_no_next_time() -> None:
    shown = webhook_of("https://ci.example.com/x", Delivery(DELIVERED, 1, 200))
    assert shown is not None
    assert (shown["url"], shown["next_attempt_at"]) == ("https://ci.example.com/x", None)
