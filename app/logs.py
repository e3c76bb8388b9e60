"""gunicorn's log in the form of all others."""

from typing import Any

from gunicorn.glogging import Logger

from workers.logs import configure


class GunicornLogs(Logger):
    """gunicorn's records, handed to the root logger."""

    def setup(self, cfg: Any) -> None:
        configure()
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
