"""What tests of jobs share."""

from collections.abc import Iterator

import pytest
from jobs import Jobs
from scripted_upstream import ScriptedUpstream
from service import Service


@pytest.fixture
def jobs(service: Service, upstream: ScriptedUpstream) -> Iterator[Jobs]:
    """The service's jobs; what a test has begun does not go on beyond it."""
    found = Jobs(service.url)
    yield found
    found.stop()
