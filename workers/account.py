"""What all attempts of a trace have cost so far."""

from dataclasses import dataclass

from tts_core.model import Usage
from tts_core.tracing import TraceBuilder
from workers.call import Call
from workers.pricing import FREE, MILLION, Price
from workers.records import NOTHING, Carried

LOST = "A worker was lost while it sampled this trace; what that attempt had cost is not in the usage."


@dataclass(slots=True)
class Account:
    """What all attempts of a trace have cost so far."""

    usage: Usage = NOTHING
    unreported: int = 0
    blind: int = 0
    attempts: int = 0
    first_token_s: float | None = None
    notes: tuple[str, ...] = ()
    cost: float | None = 0.0
    blind_usd: float = 0.0
    elsewhere: int = 0

    @classmethod
    def of(cls, call: Call) -> "Account":
        """What the trace had cost before it came here."""
        carried = call.carried
        notes = (LOST,) if call.lost else ()
        spent = (carried.usage, carried.unreported, carried.blind, carried.attempts)
        return cls(*spent, notes=notes, cost=carried.cost, blind_usd=carried.blind_usd)

    def settle(self, builder: TraceBuilder, price: Price | None) -> None:
        """Add an attempt: the upstream's own account, else the tokens that arrived."""
        count = builder.counted_tokens
        spent = builder.usage or Usage(completion_tokens=count, total_tokens=count)
        self.usage += spent
        if count and not builder.usage:
            self.unreported += count
            self.blind += 1
            self.blind_usd += price.prompt / MILLION if price else 0.0
        self.cost = None if price is None or self.cost is None else self.cost + price.of(spent)

    def turn_to(self, call: Call, other: Call) -> None:
        """The trace goes on at another upstream."""
        self.elsewhere = self.attempts
        self.notes += (f"{other.upstream.name!r} was asked: {call.upstream.name!r} did not serve.",)


class HandedBack(Exception):
    """Another process is to have the trace; what it has cost so far."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.carried = Carried(
            usage=account.usage,
            unreported=account.unreported,
            blind=account.blind,
            attempts=account.attempts,
            cost=account.cost,
            blind_usd=account.blind_usd,
        )


def price_of(call: Call) -> Price | None:
    """What the tokens of a call cost; those of a scorer are none."""
    return FREE if call.sampling.scorer else call.upstream.price(call.sampling.model)
