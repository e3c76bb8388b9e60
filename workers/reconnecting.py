"""How soon a worker finds a broker that was away."""

from typing import Any

import kombu

PAUSE_S = 0.5
LONGEST_PAUSE_S = 2.0


class Connection(kombu.Connection):
    """Looks every two seconds at the latest; kombu's own pauses grow to thirty."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        pauses = {"interval_start": PAUSE_S, "interval_step": PAUSE_S, "interval_max": LONGEST_PAUSE_S}
        return super()._ensure_connection(*args, **(pauses | options))
