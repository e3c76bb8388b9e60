"""A fingerprint of the code that decides a run, so that a run notices when it changes under it."""

import inspect
from functools import cache
from hashlib import sha256
from pathlib import Path

import tts_core
from tts_core.strategies import strategies

UNKNOWN = "unknown"


@cache
def rules_of(strategy: str) -> str:
    """The fingerprint of a strategy's own file and of the domain beneath it."""
    registered = strategies().get(strategy)
    if registered is None:
        return UNKNOWN
    own = inspect.getsourcefile(inspect.unwrap(registered.play))
    domain = sorted(Path(tts_core.__file__).parent.rglob("*.py"))
    digest = sha256()
    for file in (*domain, *([Path(own)] if own else [])):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
