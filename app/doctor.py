"""`chorus doctor`: what is wrong here, and what to do about it, check by check."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
import httpx
from packaging.requirements import Requirement

from app.presets import presets
from app.up import demo
from app.up.commands import check_exposure, local_url
from app.up.probes import port_is_free
from tts_core.errors import ChorusError
from tts_core.strategies import LeftOut, left_out
from workers.settings import Settings, SettingsError
from workers.upstreams import Upstream

OLDEST_PYTHON = (3, 11)
OLDEST_REDIS = (6, 2)
PATIENCE_S = 5.0
LITTLE_DISK_BYTES = 1 << 30
NO_DISK_BYTES = 100 << 20
MOST_MEMORY = 0.8

State = Literal["ok", "warn", "fail"]
COLOURS: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "red"}


class Finding(NamedTuple):
    """The result of one check: what was seen and, unless all is well, what to do."""

    check: str
    state: State
    seen: str
    do: str = ""


class Shell(NamedTuple):
    """The two questions to the running service; both raise ChorusError when its store is away."""

    store: Callable[[], Mapping[str, Any]]
    workers: Callable[[], Mapping[str, Any]]


def diagnose(settings: Settings, shell: Shell) -> Iterator[Finding]:
    """All checks, in the order in which one cause explains the next."""
    yield check_python()
    yield check_packages()
    yield check_plug_ins(left_out())
    yield check_disk(settings)
    yield check_listening(settings)
    yield check_port(settings)
    yield from check_store(settings, shell.store)
    yield check_workers(shell.workers)
    models: Sequence[str] = ()
    for upstream in settings.upstreams.by_name.values():
        finding = check_upstream(settings, upstream)
        yield finding
        if upstream == settings.upstream and finding.state == "ok":
            models = models_listed(settings)
    yield check_presets(settings, models)
    if settings.upstream.name == "demo":
        yield check_demo(settings)


def check_python() -> Finding:
    """Chorus is written for Python 3.11 and newer."""
    seen = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= OLDEST_PYTHON:
        return Finding("python", "ok", seen)
    return Finding("python", "fail", seen, "Install Python 3.11 or newer.")


def check_packages(package: str = "chorus-tts") -> Finding:
    """Every requirement of the package is installed in a version that fits."""
    wanted = [Requirement(line) for line in requires(package) or ()]
    here = [item for item in wanted if item.marker is None or item.marker.evaluate()]
    wrong = [f"{item} (found {installed(item.name) or 'none'})" for item in here if not fits(item)]
    if wrong:
        do = "Run `make setup`, or pip install -r requirements.lock."
        return Finding("packages", "fail", ", ".join(wrong), do)
    return Finding("packages", "ok", f"{len(here)} requirements installed")


def fits(item: Requirement) -> bool:
    """Whether a requirement is met."""
    found = installed(item.name)
    return bool(found) and item.specifier.contains(found, prereleases=True)


def installed(name: str) -> str:
    """The installed version of a package, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def check_plug_ins(failed: Sequence[LeftOut]) -> Finding:
    """Every strategy of another package can be used."""
    if not failed:
        return Finding("plug-ins", "ok", "every strategy is usable")
    do = "Correct, update or uninstall it, then restart: the service goes on without it."
    return Finding("plug-ins", "fail", "; ".join(map(str, failed)), do)


def check_disk(settings: Settings) -> Finding:
    """There is room for the embedded Redis's log."""
    folder = Path(settings.data_dir).resolve()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    seen = f"{free / 2**30:.1f} GiB free for {folder}"
    if free >= LITTLE_DISK_BYTES:
        return Finding("disk", "ok", seen)
    state: State = "warn" if free >= NO_DISK_BYTES else "fail"
    return Finding("disk", state, seen, "Free some space, or move CHORUS_DATA_DIR.")


def check_listening(settings: Settings) -> Finding:
    """Nobody but this machine gets in without a key."""
    try:
        check_exposure(settings)
    except SettingsError as error:
        return Finding("access", "fail", str(error), "Set one of these.")
    guarded = f"{len(settings.client_keys)} keys" if settings.client_keys else "no keys"
    return Finding("access", "ok", f"HOST={settings.host}, {guarded}")


def check_port(settings: Settings) -> Finding:
    """The API's port is free, or Chorus itself has it."""
    where = f"{settings.host}:{settings.port}"
    if is_chorus(f"{local_url(settings.host, settings.port)}/health"):
        return Finding("port", "ok", f"Chorus answers on {where}")
    if port_is_free(settings.host, settings.port):
        return Finding("port", "warn", f"nothing listens on {where}", "Start it: `chorus up`.")
    do = "Stop that program, or set PORT to another number."
    return Finding("port", "fail", f"another program listens on {where}", do)


def is_chorus(url: str) -> bool:
    """Whether a health page of ours answers there."""
    try:
        answer = httpx.get(url, timeout=PATIENCE_S, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and '"healthy"' in answer.text


def check_store(settings: Settings, ask: Callable[[], Mapping[str, Any]]) -> Iterator[Finding]:
    """Redis answers, is new enough, keeps what it gets, and has room."""
    try:
        info = ask()
    except ChorusError:
        yield _store_away(settings)
        return
    found = str(info["redis_version"])
    new_enough = tuple(map(int, found.split(".")[:2])) >= OLDEST_REDIS
    yield Finding(
        "redis",
        "ok" if new_enough else "fail",
        f"version {found}",
        "" if new_enough else "Use 6.2 or newer.",
    )
    yield from _store_keeps(info)
    yield _store_room(info)


def _store_away(settings: Settings) -> Finding:
    if settings.embedded_redis:
        return Finding("redis", "warn", "the embedded Redis is not running", "Start it: `chorus up`.")
    return Finding("redis", "fail", "REDIS_URL does not answer", "Start that server, or correct REDIS_URL.")


def _store_keeps(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy = info["maxmemory_policy"]
    if policy == "noeviction":
        yield Finding("eviction", "ok", policy)
    else:
        do = "CONFIG SET maxmemory-policy noeviction: an evicted key is a lost job."
        yield Finding("eviction", "fail", policy, do)
    if info["aof_enabled"]:
        yield Finding("persistence", "ok", "append-only file")
    else:
        do = "CONFIG SET appendonly yes: without it a restart of Redis loses the jobs."
        yield Finding("persistence", "warn", "no append-only file", do)


def _store_room(info: Mapping[str, Any]) -> Finding:
    used, most = info["used_memory"], info["maxmemory"] or info.get("total_system_memory", 0)
    seen = f"{used / 2**20:.0f} of {most / 2**20:.0f} MiB"
    if not most or used <= MOST_MEMORY * most:
        return Finding("memory", "ok", seen)
    return Finding("memory", "warn", seen, "Give Redis more memory, or lower JOB_TTL_S.")


def check_workers(ask: Callable[[], Mapping[str, Any]]) -> Finding:
    """Both kinds of worker have given a sign of life."""
    try:
        alive = [str(worker["queue"]) for worker in ask().values()]
    except ChorusError:
        return Finding("workers", "warn", "unknown: Redis is away", "See redis above.")
    lacking = {"control", "sample"} - set(alive)
    if not lacking:
        return Finding("workers", "ok", f"{len(alive)} alive")
    do = " and ".join(f"`chorus worker --{queue}`" for queue in sorted(lacking))
    return Finding("workers", "fail", f"none for {', '.join(sorted(lacking))}", f"Start {do}.")


def check_upstream(settings: Settings, upstream: Upstream | None = None) -> Finding:
    """An upstream, the default one unless named, answers GET /models, with its key."""
    upstream = upstream or settings.upstream
    headers = {"Authorization": f"Bearer {upstream.api_key}"} if upstream.api_key else {}
    try:
        status = httpx.get(
            f"{upstream.base_url}/models", headers=headers, timeout=PATIENCE_S, trust_env=False
        ).status_code
    except httpx.TimeoutException:
        return _upstream_fails(upstream, f"no answer in {PATIENCE_S:g} s", "Is it overloaded?")
    except httpx.InvalidURL:
        return _upstream_fails(upstream, "not a URL", "Correct UPSTREAM_BASE_URL.")
    except httpx.TransportError:
        return _upstream_fails(upstream, "nothing listens there", _start_what(settings, upstream))
    if status == httpx.codes.OK:
        return Finding("upstream", "ok", f"{upstream.name}: {upstream.base_url}")
    return _upstream_fails(upstream, f"answers {status}", ADVICE.get(status, "See its own log."))


def models_listed(settings: Settings) -> tuple[str, ...]:
    """The names in the upstream's list; none when it is no list."""
    upstream = settings.upstream
    headers = {"Authorization": f"Bearer {upstream.api_key}"} if upstream.api_key else {}
    try:
        url = f"{upstream.base_url}/models"
        listed = httpx.get(url, headers=headers, timeout=PATIENCE_S, trust_env=False).json()
        return tuple(str(model["id"]) for model in listed["data"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return ()


def check_presets(settings: Settings, models: Sequence[str]) -> Finding:
    """No preset hides a model; that each can be used was seen before any command began."""
    known = presets(settings)
    if hidden := sorted(set(known) & set(models)):
        seen = f"{', '.join(hidden)}: a model of the upstream has this name"
        return Finding("presets", "fail", seen, "Give the preset in PRESETS_FILE another name.")
    return Finding("presets", "ok", ", ".join(known))


ADVICE: dict[int, str] = {
    401: "It wants another key: check UPSTREAM_API_KEY, OPENROUTER_API_KEY, OPENAI_API_KEY or api_key_env.",
    403: "The key may not list models: ask for the right, or use another key.",
    404: "UPSTREAM_BASE_URL should end where /chat/completions is appended, usually in /v1.",
    429: "It is limiting you; wait, or use another key.",
}


def _upstream_fails(upstream: Upstream, seen: str, do: str) -> Finding:
    state: State = "warn" if upstream.name == "demo" else "fail"
    return Finding("upstream", state, f"{upstream.name}: {upstream.base_url}: {seen}", do)


def _start_what(settings: Settings, upstream: Upstream) -> str:
    if upstream.name == "demo":
        return "The demo model is not running. Start it: `chorus up`, or `chorus demo`."
    where = "its base_url in UPSTREAMS_FILE" if settings.upstreams_file else "UPSTREAM_BASE_URL"
    return f"Start that server, or correct {where}."


def check_demo(settings: Settings) -> Finding:
    """The demo model's weights and runtime are here."""
    try:
        demo.check(settings)
    except SettingsError as error:
        return Finding("demo model", "fail", str(error), "Run `make demo`, or set an upstream.")
    return Finding("demo model", "ok", demo.weights(settings).name)


def as_lines(findings: Iterable[Finding]) -> str:
    """For people: a line a check, then what to do about it."""
    return "\n".join(line for finding in findings for line in _lines(finding))


def _lines(finding: Finding) -> Iterator[str]:
    mark = click.style(f"{finding.state:<4}", fg=COLOURS[finding.state])
    yield f"{mark}  {finding.check:<11}  {finding.seen}"
    if finding.do:
        yield f"{'':<19}-> {finding.do}"


def as_json(findings: Iterable[Finding]) -> str:
    """For programs: an array of objects."""
    return json.dumps([finding._asdict() for finding in findings], indent=1)
