"""gunicorn's log in the form of all others."""

import logging
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from workers.logs import FACTS, Names, configure


class GunicornLogs(Logger):
    """gunicorn's records, handed to the root logger."""

    def setup(self, cfg: Any) -> None:
        Names.kind = "web"
        configure()
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        """A line for each request, without its query and its headers: they may hold what is secret."""
        if not self.cfg.accesslog:
            return
        facts = {
            "method": req.method,
            "path": environ.get("PATH_INFO", ""),
            "status": resp.status_code,
            "bytes": getattr(resp, "sent", None),
            "duration_ms": round(request_time.total_seconds() * 1000, 1),
            "client": environ.get("REMOTE_ADDR"),
        }
        line = "%(method)s %(path)s %(status)s %(duration_ms)s ms"
        self.access_log.log(logging.INFO, line, facts, extra={FACTS: facts})
