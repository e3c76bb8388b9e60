"""The command lines of the programs Chorus is made of, without secrets: `ps` shows them."""

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from shutil import rmtree

from workers.settings import Settings, SettingsError

# Tasks travel as JSON, so running as root (in a container, say) is none of Celery's business.
QUIET = ("-W", "ignore:You're running the worker with superuser privileges")
CELERY = (sys.executable, *QUIET, "-m", "celery", "-q", "-A", "workers.celery")
CONTROL_CONCURRENCY = 64
WEB_GRACE_S = 20
KEEP_ALIVE_S = 75
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def web(settings: Settings) -> tuple[str, ...]:
    """gunicorn with as many threads as requests may wait at once: waiting costs one, sending none."""
    threads = settings.web_threads
    return (
        *(sys.executable, "-m", "gunicorn", "app:create_app()"),
        *("--bind", address(settings.host, settings.port)),
        *("--worker-class", "app.gathering.GatheringWorker", "--workers", str(settings.web_workers)),
        *("--threads", str(threads), "--worker-connections", str(2 * threads)),
        *("--graceful-timeout", str(WEB_GRACE_S), "--keep-alive", str(KEEP_ALIVE_S)),
        *("--log-level", settings.log_level.lower(), "--logger-class", "app.logs.GunicornLogs"),
        *(("--access-logfile", "-") if logs_requests(settings) else ()),
        *("--no-control-socket", "--config", "python:app.metrics_hooks"),
    )


def logs_requests(settings: Settings) -> bool:
    """Whether each request is to have its line."""
    return settings.access_log or settings.log_level.upper() == "DEBUG"


def count_anew(settings: Settings) -> None:
    """Empty the folder in which all web processes count, and have them find it (prometheus_client reads
    its name from the environment when it is imported). Raises SettingsError where there can be none."""
    folder = counting_in(settings)
    try:
        rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise SettingsError(f"CHORUS_DATA_DIR={settings.data_dir}: {error.strerror}") from error
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def counting_in(settings: Settings) -> Path:
    """Where the web processes that listen on this port count."""
    return Path(settings.data_dir).resolve() / f"metrics-{settings.port}"


def worker(settings: Settings, queue: str, name: str) -> tuple[str, ...]:
    """A Celery worker of the queue `control`, `sample` or `batch`."""
    slots = {"control": CONTROL_CONCURRENCY, "batch": settings.batch_concurrency}
    tasks = slots.get(queue, settings.worker_concurrency)
    queues = "batch,batch-control" if queue == "batch" else queue
    return (
        *CELERY,
        *("worker", "-P", "gevent", "-Q", queues, "-c", str(tasks)),
        *("--prefetch-multiplier", "1", "--without-gossip", "--without-mingle"),
        *("-n", f"{name}@%h", "-l", settings.log_level.upper()),
        *(("-E",) if settings.flower else ()),
    )


def flower(settings: Settings, listen: str = "") -> tuple[str, ...]:
    """Flower, on loopback unless it asks for a password (it reads FLOWER_BASIC_AUTH itself).

    Raises SettingsError when `listen` is not loopback and nothing protects the dashboard.
    """
    host = listen or (settings.host if settings.flower_basic_auth else "127.0.0.1")
    open_to_all = not settings.flower_basic_auth and not settings.allow_anonymous
    if open_to_all and not is_loopback(host):
        raise SettingsError(
            f"Flower will not listen on {host} without a password: set FLOWER_BASIC_AUTH=user:word"
        )
    return (
        *(*CELERY, "flower", f"--port={settings.flower_port}", f"--address={host}"),
        f"--logging={'debug' if settings.log_level.upper() == 'DEBUG' else 'error'}",
    )


def check_exposure(settings: Settings) -> None:
    """Raises SettingsError when the API would listen beyond loopback without asking for a key."""
    from app.keyring import has_keys  # noqa: PLC0415 - it needs the commands of this package

    if is_loopback(settings.host) or settings.client_keys or settings.allow_anonymous:
        return
    if has_keys(settings):
        return
    raise SettingsError(
        f"HOST={settings.host} is reachable by others, and there are no keys: make one with `chorus keys "
        "create --name NAME`, or set CHORUS_API_KEYS, or CHORUS_ALLOW_ANONYMOUS=1 to let anybody in, or "
        "HOST=127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; names other than localhost count as reachable."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(host: str, port: int) -> str:
    """host:port, with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_url(host: str, port: int) -> str:
    """The URL under which this machine reaches a server bound to `host`."""
    return f"http://{address(ANY_ADDRESS.get(host, host), port)}"
