"""The live service against every edge of its own OpenAPI document: requests that go to each limit and just beyond."""

from typing import Any

import pytest
import schemathesis
from hypothesis import Phase, settings

from tests.app.http.test_schemathesis import check, service, shallow
from tests.support.document import openapi_document
from tests.support.service import Service

__all__ = ["service"]

pytestmark = pytest.mark.soak

DOCUMENT = schemathesis.openapi.from_dict(shallow(openapi_document())).exclude(path="/admin/mode")  # as there


@DOCUMENT.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_the_service_is_as_documented_at_every_edge(service: Service, case: schemathesis.Case[Any]) -> None:
    """No request at the edge of what the document allows is answered otherwise than it says."""
    check(service, case)
