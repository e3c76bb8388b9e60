"""Everything that can be refused or go wrong.

ChorusError
  InvalidRequest        the client can fix it            400
    UnknownStrategy     no such strategy                 400 in the body, 404 in the path
    UnknownModel        the upstream does not serve it   404
    PermissionDenied    this key may not do this         403
  RateLimited           the key's requests a minute      429 + Retry-After
    TokensLimited       the key's tokens a minute        429 + Retry-After
  QuotaExceeded         the key's tokens or money a day  429
  UpstreamError         the model's server
    UpstreamRefused     it answered 4xx                  same meaning; a refused server-side key is our 502
    UpstreamBusy        429 / 503 after retries          429 + Retry-After
    UpstreamUnreachable no answer, or a broken one       502
      UpstreamDown      it kept failing, not asked       503 + Retry-After
    UpstreamTimeout     silent for too long              504
  NoAnswer              the run ended, nobody usable     504 at the deadline, else 502
  Overloaded            our queue is full or away        503 + Retry-After
    QueueFull           too much waits                   503 + Retry-After
    ShareTaken          this key's share of it is taken  429 + Retry-After
  InternalFault         a defect of ours                 500
  StrategyFault         ours (ReplayDiverged, ...)       500
    StrategyGone        it was uninstalled under a run   500
  Conflict              not in this state                409
  UnknownJob            no such job of this key's        404
    JobGone             there was one                    410
  KeyReused             Idempotency-Key of another body  422
"""


class ChorusError(Exception):
    """Base of all expected errors. `message` is safe to show to a client."""

    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.retry_after_s = retry_after_s


class InvalidRequest(ChorusError):
    """The client sent something it can correct; `param` names the field."""

    code = "invalid_value"


class UnknownStrategy(InvalidRequest):
    """No strategy is registered under this name."""

    code = "strategy_not_found"


class UnknownModel(InvalidRequest):
    """The upstream does not list this model."""

    code = "model_not_found"


class PermissionDenied(InvalidRequest):
    """The client's key does not allow this; `param` names the field."""

    code = "permission_denied"


class RateLimited(ChorusError):
    """The client's key has had its requests of this minute."""

    code = "rate_limit_exceeded"


class TokensLimited(RateLimited):
    """The client's key has had its tokens of this minute."""


class QuotaExceeded(ChorusError):
    """The client's key has spent what it may spend on a day."""

    code = "insufficient_quota"


class UpstreamError(ChorusError):
    """The model's server did not give a trace."""

    code = "upstream_error"


class UpstreamRefused(UpstreamError):
    """The upstream answered 4xx; `status` is its own."""

    code = "upstream_refused"

    def __init__(self, message: str, *, status: int, **context: str | float | None) -> None:
        super().__init__(message, **context)  # type: ignore[arg-type]
        self.status = status


class UpstreamBusy(UpstreamError):
    """The upstream kept answering 429 or 503."""

    code = "rate_limit_exceeded"


class UpstreamUnreachable(UpstreamError):
    """The upstream could not be reached, broke off, or sent something unreadable."""

    code = "upstream_unreachable"


class UpstreamDown(UpstreamUnreachable):
    """The upstream kept failing and is left alone for a while: it was not asked."""

    code = "upstream_down"


class UpstreamTimeout(UpstreamError):
    """The upstream was silent for longer than allowed."""

    code = "upstream_timeout"


class NoAnswer(ChorusError):
    """The run ended without the traces it needed."""

    code = "no_usable_trace"


class DeadlinePassed(NoAnswer):
    """The run ended at its deadline without the traces it needed."""

    code = "deadline_passed"


class Overloaded(ChorusError):
    """The service cannot take or finish this now."""

    code = "server_is_overloaded"


class QueueFull(Overloaded):
    """So much waits already that a further request would wait for too long."""

    code = "queue_full"


class ShareTaken(Overloaded):
    """The service is busy, and the client's key holds its share of the waiting line."""

    code = "queue_share_exceeded"


class InternalFault(ChorusError):
    """A defect of ours; the log has the details."""

    code = "internal_error"


class StrategyFault(ChorusError):
    """A strategy broke its contract: a defect of ours or of a plug-in."""

    code = "strategy_fault"


class ReplayDiverged(StrategyFault):
    """A strategy replayed over the same history asked for another plan."""


class StrategyGone(StrategyFault):
    """The strategy of a run that goes on was uninstalled."""


class UnknownJob(InvalidRequest):
    """There is no such job, or it is another key's."""

    code = "job_not_found"


class JobGone(UnknownJob):
    """The job was deleted, or its time is over."""

    code = "job_gone"


class Conflict(ChorusError):
    """The job is not in a state in which this can be done to it."""

    code = "conflict"


class KeyReused(InvalidRequest):
    """The Idempotency-Key was used before, for another request."""

    code = "idempotency_key_reused"
