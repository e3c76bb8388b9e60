"""The names of all keys in Redis, and nothing else; no other module spells one."""

DEADLINES = "chorus:deadlines"
STOPS = "chorus:stops"
WORKERS = "chorus:workers"
BATCHES = "chorus:batches"
PROBING = "chorus:probing"
ACCESS_KEYS = "chorus:keys"
ACCESS_KEYS_USED = "chorus:keys:used"
SPENT = "chorus:spent"
PACE = "chorus:pace"
METRICS = "chorus:metrics"
WEBHOOKS = "chorus:webhooks"
WEBHOOKS_SENDING = "chorus:webhooks:sending"
ADMITTED = ("runs", "till", "held", "drained")
UNACKED = "unacked"  # Celery's own: messages that a worker has fetched and not yet done with


def run(run_id: str, part: str = "") -> str:
    """A run's hash, or one of its parts: texts, confidences, events, ending, inboxes, held."""
    return f"chorus:run:{run_id}:{part}" if part else f"chorus:run:{run_id}"


def webhook(run_id: str) -> str:
    """What a webhook says of a run that has ended, and what became of it."""
    return f"chorus:webhook:{run_id}"


def gate(upstream: str, part: str) -> str:
    """Who calls an upstream and who waits to; `part` is held, waiting, seen or state."""
    return f"chorus:gate:{upstream}:{part}"


def gate_told(process: str) -> str:
    """The list in which a worker process is told of places at gates."""
    return f"chorus:gate-told:{process}"


def breaker(upstream: str) -> str:
    """How often an upstream has failed, and until when it is left alone."""
    return f"chorus:breaker:{upstream}"


def breaker_probe(upstream: str) -> str:
    """There while one call finds out whether an upstream serves again."""
    return f"chorus:breaker:{upstream}:probe"


def models(upstream: str) -> str:
    """What an upstream lists."""
    return f"chorus:models:{upstream}"


def owner(run_id: str) -> str:
    """Whose run it is; outlives the run, so that one that is gone is not taken for unknown."""
    return f"chorus:owner:{run_id}"


def jobs(of: str) -> str:
    """An owner's runs by the time of their submission."""
    return f"chorus:jobs:{of}"


def once(of: str, key: str) -> str:
    """What an owner's Idempotency-Key was used for."""
    return f"chorus:once:{of}:{key}"


def asked(of: str, body: str) -> str:
    """The run that an owner's synchronous request with this body waits for."""
    return f"chorus:asked:{of}:{body}"


def inbox(of: str) -> str:
    """The list in which a web process is told of runs that ended."""
    return f"chorus:inbox:{of}"


def batch(batch_id: str, part: str = "") -> str:
    """A batch's hash, or one of its parts: table, lines, refused, and the bitmaps of its lines."""
    return f"chorus:batch:{batch_id}:{part}" if part else f"chorus:batch:{batch_id}"


def batches(of: str) -> str:
    """An owner's batches by the time of their creation."""
    return f"chorus:batches:{of}"


def file(file_id: str, part: str = "") -> str:
    """An uploaded file's description, or its content."""
    return f"chorus:file:{file_id}:{part}" if part else f"chorus:file:{file_id}"


def files(of: str) -> str:
    """An owner's files, those of batches that ended included, by the time of their creation."""
    return f"chorus:files:{of}"


def access_key(key_id: str) -> str:
    """A client's key: its record, without the secret."""
    return f"chorus:key:{key_id}"


def spent(of: str, day: str) -> str:
    """What an owner has spent on a day (UTC)."""
    return f"{SPENT}:{of}:{day}"


def pace(of: str, what: str) -> str:
    """How many "requests" or "tokens" an owner came to in each second of the last minute."""
    return f"{PACE}:{of}:{what}"


def admitted(line: str, part: str) -> str:
    """What was taken into a waiting line and is not through; `part` is one of ADMITTED."""
    return f"chorus:admitted:{line}:{part}"


def capabilities(digest: str) -> str:
    """What an upstream gives for a model; both are in the digest."""
    return f"chorus:capabilities:{digest}"
