"""A plug-in strategy is changed or uninstalled, and the control worker restarted, while its runs go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.faults import until
from chaos.stage import Outcome, Playing, Stage, stopped
from scripted_upstream import ScriptedUpstream
from service import running

ROUND = 4
SLOW_S = 1.0
AT_HAND = "The vote is over the traces at hand"
UPDATED = "The service was updated while this run went on"
PLUG_IN = '''
from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan
from tts_core.registry import strategy
from tts_core.voting import cast_vote


@strategy("{name}")
def play(request):
    """Ask twice."""
    first = yield Plan((request.sampling,) * {first})
    second = yield Plan((request.sampling,) * 4)
    return cast_vote((*first.traces, *second.traces), MEASURES["mean"], keep_all, weighted={weighted})
'''
BEFORE = {
    "other_plans": {"first": 4, "weighted": True},
    "other_filter": {"first": 4, "weighted": True},
    "uninstalled": {"first": 4, "weighted": True},
}
AFTER = {
    "other_plans": {"first": 2, "weighted": True},
    "other_filter": {"first": 4, "weighted": False},
}


def install(folder: Path, strategies: dict[str, dict[str, object]]) -> None:
    """Put a package with these strategies, and no others, where Python finds it."""
    facts = folder / "changing-1.0.dist-info"
    facts.mkdir(parents=True, exist_ok=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: changing\nVersion: 1.0\n")
    points = [f"{name} = changing_{name}" for name in strategies]
    (facts / "entry_points.txt").write_text("\n".join(["[chorus.strategies]", *points, ""]))
    for name, details in strategies.items():
        (folder / f"changing_{name}.py").write_text(PLUG_IN.format(name=name, **details))


def changed_under(stage: Stage, folder: Path) -> dict[str, Outcome]:
    """Runs in their first round, and runs after it, whose strategies change; by name."""
    within = [Playing(stage, f"{name} in a round", {"tts_strategy": name}) for name in BEFORE]
    between = [Playing(stage, f"{name} between rounds", {"tts_strategy": name}) for name in BEFORE]
    for run in within:
        stage.script.hold(run.question)
    for run in between:
        stage.script.first_token_s[run.question] = SLOW_S
    for run in (*within, *between):
        run.begin().known()
    stage.upstream.wait_for(lambda calls: len(calls) == ROUND * len([*within, *between]))
    with stopped(stage.fleet.control) as control:
        for run in between:
            run.wait_until_kept(ROUND)
        install(folder, AFTER)
        control.kill()
    until(lambda: not control.is_alive)
    until(stage.fleet.is_whole)
    stage.script.release()
    return {run.name: run.outcome(0.0) for run in (*within, *between)}


@pytest.fixture(scope="module")
def outcomes(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Outcome]]:
    """What became of the runs."""
    folder = tmp_path_factory.mktemp("changing")
    install(folder / "installed", BEFORE)
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "PYTHONPATH": str(folder / "installed"),
    }
    with running(folder, settings) as service, Stage.of(service, upstream_server, samplers=1) as stage:
        yield changed_under(stage, folder / "installed")


places = pytest.mark.parametrize("place", ["in a round", "between rounds"])
changes = pytest.mark.parametrize("change", list(BEFORE))


@places
@changes
def test_every_run_ends_once_and_rightly(outcomes: dict[str, Outcome], change: str, place: str) -> None:
    outcome = outcomes[f"{change} {place}"]
    assert (outcome.endings, outcome.answered.told["answer"]) == (1, "42")


@places
@pytest.mark.parametrize("change", ["other_plans", "uninstalled"])
def test_a_run_that_cannot_be_replayed_ends_with_the_traces_it_has(
    outcomes: dict[str, Outcome], change: str, place: str
) -> None:
    outcome = outcomes[f"{change} {place}"]
    assert outcome.counts == dict.fromkeys(range(ROUND), 1)
    assert AT_HAND in outcome.answered.warnings


@places
def test_a_run_whose_rounds_are_the_same_is_finished_with_a_warning(
    outcomes: dict[str, Outcome], place: str
) -> None:
    outcome = outcomes[f"other_filter {place}"]
    assert outcome.counts == dict.fromkeys(range(2 * ROUND), 1)
    assert UPDATED in outcome.answered.warnings
