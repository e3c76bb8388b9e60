"""Exceptions to statuses: the table covers the whole tree."""

import pytest
from flask import Flask

from app.errors import TABLE, answer, body_of, error_of, meaning_of
from tts_core.errors import ChorusError, Overloaded, UnknownStrategy, UpstreamRefused
from workers.rounds import fault_of


def tree(kind: type[ChorusError]) -> list[type[ChorusError]]:
    """The error and all below it."""
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in tree(below))]


KINDS = [kind for kind in tree(ChorusError) if kind is not UpstreamRefused]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_all_four_keys(kind: type[ChorusError]) -> None:
    error = kind("what happened")
    assert 400 <= meaning_of(error).status < 600
    assert set(body_of(error)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_kept_error_is_what_it_was(kind: type[ChorusError]) -> None:
    again = error_of(fault_of(kind("what happened", param="p", code="c")))
    assert (type(again), again.message, again.param, again.code) == (kind, "what happened", "p", "c")


@pytest.mark.parametrize("status", [401, 402, 403])
def test_an_upstreams_view_of_our_key_stays_with_us(status: int) -> None:
    error = UpstreamRefused("key sk-secret is bad", status=status)
    assert meaning_of(error).status == 502
    assert "sk-secret" not in str(body_of(error))


def test_an_unknown_strategy_is_the_urls_fault_or_the_bodys() -> None:
    assert meaning_of(UnknownStrategy("?")).status == 404
    assert meaning_of(UnknownStrategy("?", param="tts_strategy")).status == 400


def test_waiting_is_told_in_whole_seconds() -> None:
    with Flask(__name__).app_context():
        assert answer(Overloaded("full", retry_after_s=1.2)).headers["Retry-After"] == "2"


def test_no_entry_of_the_table_is_dead() -> None:
    assert set(TABLE) <= set(tree(ChorusError))
