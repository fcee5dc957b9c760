"""A story that has just begun, for every test that wants one."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.providers.chain.reporting.teller import Teller


@pytest.fixture
def teller() -> Iterator[Teller]:
    """A story that has just begun."""
    with capture_logs() as logs:
        yield Teller(logs)
