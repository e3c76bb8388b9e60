"""Strategies in packages of others: the example, installed for real, and some that are broken."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from asking import in_turn
from scripted_upstream import ScriptedUpstream, text
from service import Service, clean_environment, running

from app.schemas.chat import ChatSchema
from app.schemas.options import PREFIX
from tts_core.strategies import SHARED

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "plugin"
INSTALL = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index")
USABLE = '''
from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan
from tts_core.registry import strategy
from tts_core.voting import cast_vote


@strategy({name!r})
def {function}(request, *, {option}):
    """Ask once."""
    found = yield Plan((request.sampling,))
    return cast_vote(found.traces, MEASURES["mean"], keep_all, weighted=False)
'''
FINE = {"name": "fine", "function": "fine", "option": "some_words: str = 'a'"}
BROKEN = {
    "cannot_import": ("import no_such_module", "No module named 'no_such_module'"),
    "half_way": (USABLE.format(**FINE | {"name": "first_half"}) + "\n1 / 0\n", "ZeroDivisionError"),
    "takes_a_name": (USABLE.format(**FINE | {"name": "single"}), "'single' exists already"),
    "takes_it_by_the_same_function": (
        USABLE.format(**FINE | {"name": "single", "function": "single"}),
        "'single' exists already",
    ),
    "another_budget": (USABLE.format(**FINE | {"option": "budget: str = 'a'"}), "options 'budget'"),
    "a_list": (
        USABLE.format(**FINE | {"option": "some_words: list = ()"}),
        "none of bool, int, float, str",
    ),
    "a_table": (
        USABLE.format(**FINE | {"option": "some_words: dict[str, int] = None"}),
        "none of bool, int, float, str",
    ),
    "one_of_two_types": (
        USABLE.format(**FINE | {"option": "some_words: int | str = 1"}),
        "none of bool, int, float, str",
    ),
    "a_default_that_is_no_tuple": (
        USABLE.format(**FINE | {"option": "some_words: tuple[str, ...] = 'a'"}),
        "no default",
    ),
    "a_default_of_another_type": (
        USABLE.format(**FINE | {"option": "some_count: int = 'a'"}),
        "no default of its type",
    ),
    "a_rule_for_another_type": (
        "from typing import Annotated\nfrom tts_core.registry import Bounds\n"
        + USABLE.format(**FINE | {"option": "some_word: Annotated[str, Bounds(1)] = 'a'"}),
        "a rule for values of another type",
    ),
    "a_word_that_follows_from_the_budget": (
        "from typing import Annotated\nfrom tts_core.registry import FromBudget\n"
        + USABLE.format(**FINE | {"option": "some_word: Annotated[str | None, FromBudget(str)] = None"}),
        "follows from the budget",
    ),
    "a_field_of_every_request": (
        USABLE.format(**FINE | {"option": "deadline_s: str = 'a'"}),
        "tts_deadline_s is a field of every request",
    ),
    "leaves": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "takes_another_away": (
        "from tts_core import registry\nregistry._strategies.pop('single')\n",
        "it took the strategy 'single' away",
    ),
    "no_default": (USABLE.format(**FINE | {"option": "some_words: str"}), "no default"),
    "odd_name": (USABLE.format(**FINE | {"name": "a/b@c"}), "letters, digits and _"),
}


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in Chorus's folder, with the packages of another folder installed."""
    paths = os.pathsep.join(map(str, (folder, ROOT / "docs")))
    return subprocess.run(
        [sys.executable, *arguments],
        env=clean_environment() | {"PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def install_broken(folder: Path, modules: dict[str, str]) -> Path:
    """A package `broken` with one entry point a module."""
    facts = folder / "broken-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    points = [f"{name} = broken_{name}" for name in modules]
    (facts / "entry_points.txt").write_text("\n".join(["[chorus.strategies]", *points, ""]))
    for name, source in modules.items():
        (folder / f"broken_{name}.py").write_text(source)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example is installed in, and a package whose strategies are all broken."""
    folder = tmp_path_factory.mktemp("installed")
    command = [*INSTALL, "--no-deps", "--no-build-isolation", "--target", str(folder), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return install_broken(folder, {name: source for name, (source, _) in BROKEN.items()})


@pytest.fixture(scope="module")
def plugged(
    installed: Path, upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service next to which they are installed."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "PYTHONPATH": str(installed),
    }
    with running(tmp_path_factory.mktemp("plugged"), settings) as found:
        yield found


def ask(service: Service, path: str = "", **fields: object) -> httpx.Response:
    """One question, for an estimate."""
    question = [{"role": "user", "content": "How many piano tuners are there in Chicago?"}]
    body = {"model": "m", "messages": question, "tts_budget": 3} | fields
    return httpx.post(f"{service.base_url}{path}/chat/completions", json=body, timeout=60)


def test_what_every_request_may_say_is_no_option_of_a_strategy() -> None:
    fields = {name.removeprefix(PREFIX) for name in ChatSchema().fields if name.startswith(PREFIX)}
    assert fields == SHARED


ways = pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("", {"tts_strategy": "median_number"}),
        ("/median_number", {}),
        ("", {"model": "m@median_number"}),
    ],
    ids=["in the body", "by the URL", "by the model"],
)


@ways
def test_the_example_answers_with_the_median(
    plugged: Service, upstream: ScriptedUpstream, path: str, fields: dict[str, object]
) -> None:
    upstream.reply = in_turn(*(text(f"\\boxed{{{number}}}") for number in (100, 900, 125)))
    told = ask(plugged, path, **fields).json()["choices"][0]["tts_metadata"]
    assert (told["strategy"], told["answer"]) == ("median_number", "125")


def test_its_options_reach_it(plugged: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{1}"), text("\\boxed{2}"))
    answered = ask(plugged, "/median_number", tts_budget=2, tts_middle="upper").json()
    assert answered["choices"][0]["tts_metadata"]["answer"] == "2"


def test_a_wrong_option_is_refused_with_what_it_may_be(plugged: Service) -> None:
    refused = ask(plugged, "/median_number", tts_middle="uper")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tts_middle")
    assert "lower, upper" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "meant"),
    [({"tts_midle": "upper"}, "tts_middle"), ({"tts_strategy": "median_nummer"}, "median_number")],
)
def test_a_misspelt_name_is_refused_with_the_one_meant(
    plugged: Service, fields: dict[str, object], meant: str
) -> None:
    refused = ask(plugged, **fields)
    assert refused.status_code == 400
    assert f"Did you mean '{meant}'" in refused.json()["error"]["message"]


def test_it_is_listed_with_its_options(plugged: Service) -> None:
    listed = {found["id"]: found for found in httpx.get(f"{plugged.base_url}/strategies").json()["data"]}
    assert set(listed["median_number"]["parameters"]["properties"]) == {"tts_budget", "tts_middle"}


def test_it_is_listed_as_a_models_suffix(plugged: Service, upstream: ScriptedUpstream) -> None:
    listed = {model["id"] for model in httpx.get(f"{plugged.base_url}/models").json()["data"]}
    assert "m@median_number" in listed


def test_its_options_are_in_the_openapi_document(plugged: Service) -> None:
    schemas = httpx.get(f"{plugged.url}/openapi.json").json()["components"]["schemas"]
    assert schemas["ChatCompletionRequest"]["properties"]["tts_middle"]["enum"][:2] == ["lower", "upper"]


def test_it_is_in_the_tables_of_the_documents(installed: Path) -> None:
    shown = python(installed, "-c", "import tables; print(tables.strategies(), tables.options())").stdout
    assert "| `median_number` |" in shown
    assert "| `tts_middle` | `median_number` | `lower` |" in shown


def test_it_can_be_the_default_strategy(installed: Path) -> None:
    code = "from app.configuration import check; from workers.settings import Settings"
    done = python(installed, "-c", f"{code}; check(Settings(default_strategy='median_number'))")
    assert done.returncode == 0, done.stderr


def test_it_keeps_what_all_strategies_promise_and_passes_its_own_tests(installed: Path) -> None:
    tests = ["tests/contract", "examples/plugin", "-W", "ignore:The strategy plug-in", "-vv"]
    done = python(installed, "-m", "pytest", *tests)
    assert done.returncode == 0, done.stdout
    assert "test_it_comes_to_a_vote[median_number] PASSED" in done.stdout
    assert "test_the_number_in_the_middle_wins PASSED" in done.stdout


def test_strategies_that_cannot_be_used_are_not_listed_and_ours_are(plugged: Service) -> None:
    listed = {found["id"] for found in httpx.get(f"{plugged.base_url}/strategies").json()["data"]}
    assert {"deepconf", "single"} <= listed
    assert not listed & {"fine", "first_half", "a/b@c"}


def test_a_strategy_of_ours_whose_name_is_taken_by_a_plug_in_is_still_ours(
    plugged: Service, upstream: ScriptedUpstream
) -> None:
    listed = {found["id"]: found for found in httpx.get(f"{plugged.base_url}/strategies").json()["data"]}
    assert "tts_some_words" not in listed["single"]["parameters"]["properties"]


def test_the_list_of_strategies_tells_which_plug_ins_are_left_out_and_why(plugged: Service) -> None:
    told = httpx.get(f"{plugged.base_url}/strategies").json()["left_out"]
    found = {entry["name"]: entry for entry in told}
    assert [name for name, (_, why) in BROKEN.items() if why not in found[name]["why"]] == []
    assert {(entry["package"], entry["module"]) for entry in told} == {
        ("broken", f"broken_{name}") for name in BROKEN
    }


@pytest.mark.parametrize("name", list(BROKEN))
def test_the_log_says_which_plug_in_is_left_out_and_why(plugged: Service, name: str) -> None:
    log = plugged.log.read_text()
    found = next(line for line in log.splitlines() if f"The strategy plug-in '{name}'" in line)
    assert f"of broken (broken_{name})" in found
    assert BROKEN[name][1] in found


def test_the_doctor_names_every_plug_in_that_is_left_out(installed: Path) -> None:
    done = python(installed, "-m", "app.cli", "doctor", "--json")
    finding = next(found for found in json.loads(done.stdout) if found["check"] == "plug-ins")
    assert finding["state"] == "fail"
    assert [name for name, (_, why) in BROKEN.items() if f"'{name}' of" not in finding["seen"]] == []
    assert finding["do"]
