"""The table of processes, and the Procfile that says the same."""

from pathlib import Path

from app.up.processes import process_table
from workers.settings import Settings

PROCFILE = Path(__file__).parents[3] / "Procfile"


def names(**settings: object) -> list[str]:
    """The names of the processes that would run."""
    return [process.name for process in process_table(Settings(**settings))]


def test_everything_runs_by_default():
    assert names(workers=2) == [
        "redis",
        "demo",
        "control",
        "sample-1",
        "sample-2",
        "batch",
        "web",
        "flower",
    ]


def test_a_redis_of_ones_own_replaces_the_embedded_one():
    assert "redis" not in names(redis_url="redis://localhost:6379/0")


def test_an_upstream_replaces_the_demo_model():
    assert "demo" not in names(openai_api_key="k")


def test_flower_can_be_left_out():
    assert "flower" not in names(flower=False)


def test_only_redis_is_waited_for_before_the_others_start():
    assert [process.name for process in process_table(Settings()) if process.gate] == ["redis"]


def test_sampling_workers_of_one_host_have_names_of_their_own():
    samplers = [p.words for p in process_table(Settings(workers=3)) if "--sample" in p.words]
    assert len(set(samplers)) == len(samplers) == 3


def test_the_procfile_equals_the_table():
    rows = [line.split(": ", 1) for line in PROCFILE.read_text().splitlines() if not line.startswith("#")]
    table = process_table(Settings(workers=1))
    commands = [[name, command.removeprefix("PORT=${CHORUS_PORT:-8001} ")] for name, command in rows]
    assert commands == [[process.name, f"chorus {' '.join(process.words)}"] for process in table]
