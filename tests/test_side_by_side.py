"""The tests, when several processes run them."""

import pytest


def test_a_file_runs_in_one_process(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("pytest runs in one process")
    assert request.node.nodeid.endswith("@tests/test_side_by_side.py")
