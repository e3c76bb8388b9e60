"""The environment, read once into one frozen object. Every setting is declared here and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zlib import crc32

from environs import Env, EnvError

from workers.upstreams import MistakenFile, Quota, Upstream, Upstreams, read_upstreams

SECRET = "***"  # noqa: S105 - what is shown instead of one
SECRETIVE = {"KEY", "KEYS", "SECRET", "TOKEN", "AUTH", "PASSWORD"}
UNIX_PATH_BYTES = 100
BATCH_WINDOW_S = 86_400.0


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it."""


def setting(name: str, default: Any, doc: str, *, secret: bool = False, example: str = "") -> Any:
    """A field read from the environment variable `name`; its type says how. One that is called like a
    secret is one, and is shown nowhere."""
    secret = secret or name.rpartition("_")[2] in SECRETIVE
    return field(
        default=default,
        metadata={"env": name, "doc": doc, "secret": secret, "example": example},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Times end in `_s`, sizes in `_bytes`."""

    host: str = setting("HOST", "127.0.0.1", "Address the API listens on (0.0.0.0 in containers).")
    port: int = setting("PORT", 8001, "Port of the API.")
    api_title: str = setting("API_TITLE", "Chorus", "Title in /docs.")
    api_version: str = setting("API_VERSION", "1.0.0", "Version in /health and /docs.")

    upstream_base_url: str = setting(
        "UPSTREAM_BASE_URL",
        "",
        "Any OpenAI-compatible server (vLLM, SGLang, llama.cpp, ...). Wins over the keys below.",
        example="http://localhost:8000/v1",
    )
    upstream_api_key: str = setting("UPSTREAM_API_KEY", "", "Its key.")
    openrouter_api_key: str = setting("OPENROUTER_API_KEY", "", "Use OpenRouter with this key.")
    openai_api_key: str = setting("OPENAI_API_KEY", "", "Use OpenAI with this key (no OpenRouter key set).")
    check_models: bool = setting(
        "CHECK_MODELS", True, "Refuse models that the upstream's list does not name."
    )
    probe_models: bool = setting(
        "PROBE_MODELS",
        True,
        "Find out what the upstream gives for a model, by 5 to 8 calls of a few tokens, when it matters.",
    )
    probe_ttl_s: int = setting("PROBE_TTL_S", 86_400, "How long that is kept.")
    upstream_timeout_s: float = setting(
        "UPSTREAM_TIMEOUT_S", 120.0, "Longest silence of the upstream before a call has failed."
    )
    upstream_retries: int = setting(
        "UPSTREAM_RETRIES",
        3,
        "Further attempts of a trace after 429, 5xx, time-outs and cut lines.",
    )
    upstream_max_concurrency: int = setting(
        "UPSTREAM_MAX_CONCURRENCY", 0, "Calls of an upstream at once over all workers; 0: no limit."
    )
    upstreams_file: str = setting(
        "UPSTREAMS_FILE",
        "",
        "Several upstreams: their models, prices, limits and fallbacks.",
        example="upstreams.toml",
    )

    scorers: str = setting(
        "SCORERS",
        "",
        "HTTP scorers that clients may name (tts_scorer http:NAME), NAME=URL, comma-separated.",
        example="grader=http://localhost:9000/score",
    )
    scorer_api_key: str = setting("SCORER_API_KEY", "", "Sent to every scorer as a Bearer token.")

    webhooks: str = setting(
        "WEBHOOKS",
        "",
        "Endpoints that may be told of ended jobs, NAME=URL, comma-separated.",
        example="crm=https://crm.example.com/hooks/chorus",
    )
    webhook_hosts: str = setting(
        "WEBHOOK_HOSTS",
        "",
        "Origins under which clients may name any URL as a webhook.",
        example="https://hooks.example.com,https://ci.example.com:8443",
    )
    webhook_secret: str = setting("WEBHOOK_SECRET", "", "Signs them: whsec_BASE64.")
    webhook_default: str = setting("WEBHOOK_DEFAULT", "", "Endpoint of jobs that name none.")
    webhook_retries_s: str = setting(
        "WEBHOOK_RETRIES_S", "5,300,1800,7200,18000,36000", "Waits before a webhook is sent again."
    )
    webhook_timeout_s: float = setting("WEBHOOK_TIMEOUT_S", 10.0, "How long an endpoint may take.")

    default_model: str = setting("DEFAULT_MODEL", "openai/gpt-4o-mini", "Always listed by /v1/models.")
    default_strategy: str = setting("DEFAULT_STRATEGY", "deepconf", "Strategy when none is named.")
    default_max_tokens: int = setting("DEFAULT_MAX_TOKENS", 512, "max_tokens when none is given.")
    presets_file: str = setting(
        "PRESETS_FILE",
        "",
        "Presets of your own, beside or instead of fast, balanced and max.",
        example="presets.toml",
    )
    deepconf_budget: int = setting("DEEPCONF_BUDGET", 8, "tts_budget when none is given.")
    deepconf_filter_method: str = setting(
        "DEEPCONF_FILTER_METHOD", "top5", "tts_filter_method when none is given."
    )
    deepconf_temperature: float = setting("DEEPCONF_TEMPERATURE", 0.7, "temperature when none is given.")

    max_budget: int = setting("MAX_BUDGET", 512, "Largest tts_budget.")
    max_body_bytes: int = setting("MAX_BODY_BYTES", 20_000_000, "Largest request body.")
    max_file_bytes: int = setting("MAX_FILE_BYTES", 50_000_000, "Largest uploaded file.")
    request_timeout_s: float = setting(
        "REQUEST_TIMEOUT_S", 600.0, "Longest life of a request; ends as a deadline does."
    )

    job_timeout_s: float = setting(
        "JOB_TIMEOUT_S", 3600.0, "Longest life of a job that nobody waits for; ends as a deadline does."
    )
    drain_s: float = setting(
        "DRAIN_S", 10.0, "How long a worker told to stop lets its traces end before others get them."
    )

    redis_url: str = setting(
        "REDIS_URL",
        "",
        "Broker and store; empty: the embedded server.",
        secret=True,
        example="redis://localhost:6379/0",
    )
    data_dir: str = setting("CHORUS_DATA_DIR", ".chorus", "Data of the embedded servers.")
    job_ttl_s: int = setting("JOB_TTL_S", 86_400, "How long a run and its traces are kept.")
    workers: int = setting("WORKERS", 2, "Sampling processes that `chorus up` starts.")
    worker_concurrency: int = setting("WORKER_CONCURRENCY", 400, "Traces in flight per process.")
    batch_concurrency: int = setting(
        "BATCH_CONCURRENCY", 32, "Traces of batches in flight per batch worker."
    )
    web_workers: int = setting("WEB_WORKERS", 1, "Web processes.")
    web_threads: int = setting("WEB_THREADS", 512, "Requests held at once per web process.")
    client_patience_s: float = setting(
        "CLIENT_PATIENCE_S",
        20.0,
        "How long a client may take to send a request, without the rest of a large body.",
    )

    max_waiting_traces: int = setting(
        "MAX_WAITING_TRACES",
        10_000,
        "Traces that may wait for a slot; who would add to more gets a 503 or 429 at once.",
    )
    max_waiting_lines: int = setting(
        "MAX_WAITING_LINES", 500_000, "Lines that batches which have not ended may have."
    )

    demo_model: str = setting(
        "CHORUS_DEMO_MODEL", "", "A GGUF file for the demo model.", example="/models/other.gguf"
    )
    demo_host: str = setting(
        "DEMO_HOST", "127.0.0.1", "Where the demo model is found (a service's name in containers)."
    )
    demo_port: int = setting("DEMO_PORT", 8009, "Port of the demo model.")
    demo_threads: int = setting("DEMO_THREADS", 1, "CPU threads of the demo model.")

    api_keys: str = setting("CHORUS_API_KEYS", "", "Keys that clients may use, comma-separated.")
    allow_anonymous: bool = setting(
        "CHORUS_ALLOW_ANONYMOUS", False, "Listen beyond loopback although no keys are set."
    )
    cors_origins: str = setting(
        "CORS_ORIGINS", "*", "Origins that browsers may call from, comma-separated."
    )

    log_level: str = setting("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.")
    log_format: str = setting("LOG_FORMAT", "text", "text or json.")
    access_log: bool = setting("ACCESS_LOG", False, "Log every request (LOG_LEVEL=DEBUG does so, too).")
    metrics_token: str = setting(
        "METRICS_TOKEN", "", "Opens /metrics; without it only this machine may read it."
    )
    otlp_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Send OpenTelemetry spans there (needs chorus-tts[otel]).",
        example="http://localhost:4318",
    )
    flower: bool = setting("FLOWER", True, "Start the Flower dashboard with `chorus up`.")
    flower_port: int = setting("FLOWER_PORT", 5555, "Port of the Flower dashboard.")
    flower_basic_auth: str = setting("FLOWER_BASIC_AUTH", "", "user:password of the Flower dashboard.")

    @property
    def upstream(self) -> Upstream:
        """The server to sample from when no other is meant for the model."""
        return self.upstreams.default

    @property
    def upstreams(self) -> Upstreams:
        """All servers to sample from. Raises SettingsError naming the mistake in UPSTREAMS_FILE."""
        own = self.own_upstream
        if not self.upstreams_file:
            return Upstreams({own.name: own}, own)
        beside = None if own.name == "demo" else own
        try:
            return read_upstreams(self.upstreams_file, beside, self.upstream_max_concurrency or None)
        except MistakenFile as error:
            raise SettingsError(f"UPSTREAMS_FILE={error}") from error

    @property
    def own_upstream(self) -> Upstream:
        """The server of the environment: the operator's own, OpenRouter, OpenAI, else the demo model."""
        quota = Quota(self.upstream_max_concurrency or None)
        if self.upstream_base_url:
            url = self.upstream_base_url.rstrip("/")
            return Upstream("custom", url, self.upstream_api_key, quota=quota)
        if self.openrouter_api_key:
            url = "https://openrouter.ai/api/v1"
            return Upstream("openrouter", url, self.openrouter_api_key, quota=quota)
        if self.openai_api_key:
            url = "https://api.openai.com/v1"
            return Upstream("openai", url, self.openai_api_key, "openai/", quota=quota)
        return Upstream("demo", f"http://{self.demo_host}:{self.demo_port}/v1", "", quota=quota)

    @property
    def scorer_urls(self) -> dict[str, str]:
        """The HTTP scorers by name; a name without a URL has an empty one."""
        pairs = (word.partition("=") for word in split(self.scorers))
        return {name.strip(): url.strip() for name, _, url in pairs}

    def scorer(self, name: str) -> Upstream:
        """A scorer as a server to call; one that is not configured has no URL."""
        return Upstream(f"scorer {name}", self.scorer_urls.get(name, ""), self.scorer_api_key)

    @property
    def longest_s(self) -> float:
        """The longest that a run may be open."""
        return max(self.request_timeout_s, self.job_timeout_s, BATCH_WINDOW_S)

    @property
    def embedded_redis(self) -> bool:
        """Whether the service has to bring its own Redis."""
        return not self.redis_url

    @property
    def redis_socket(self) -> Path:
        """Where the embedded server listens; short enough for a unix socket's 108 bytes."""
        home = Path(self.data_dir).resolve()
        if len(str(home).encode()) + len("/redis.sock") <= UNIX_PATH_BYTES:
            return home / "redis.sock"
        return Path("/tmp") / f"chorus-{crc32(str(home).encode()):08x}.sock"  # noqa: S108

    @property
    def store_url(self) -> str:
        """The Redis URL in redis-py's spelling."""
        if self.embedded_redis:
            return f"unix://{self.redis_socket}"
        return self.redis_url.replace("redis+socket://", "unix://", 1)

    @property
    def broker_url(self) -> str:
        """The Redis URL in Celery's spelling."""
        return self.store_url.replace("unix://", "redis+socket://", 1)

    @property
    def client_keys(self) -> tuple[str, ...]:
        """The keys clients may use."""
        return split(self.api_keys)


def split(text: str) -> tuple[str, ...]:
    """Comma-separated words."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def read_settings(dotenv: str = ".env") -> Settings:
    """Settings from the environment, over the file `dotenv`. Raises SettingsError naming the variable."""
    env = Env()
    env.read_env(dotenv, recurse=False)
    readers: Mapping[type, Callable[..., Any]] = {
        str: env.str,
        int: env.int,
        float: env.float,
        bool: env.bool,
    }
    try:
        values = {
            item.name: readers[item.type](item.metadata["env"], item.default)  # type: ignore[index]
            for item in fields(Settings)
        }
    except EnvError as error:
        raise SettingsError(str(error)) from error
    return Settings(**values)
