"""The admin API of a live chain with two tenants, asked by an operator and by a tenant whatever its document allows.

An operator sees all tenants, but not what they remember: that is told by the export of a user of the key's own tenant,
and by what a quarantine hides. A tenant's own key opens nothing of it.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import Phase, settings
from msgspec import Struct

from app.auth.keys import hash_key, new_key
from tests.app.http.test_schemathesis import check, shallow
from tests.support.document import openapi_document
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

pytestmark = pytest.mark.soak

CASES = 100  # of each operation: more than 2,000 in all
LEAST_CASES = 2_000
ALICE = "alice"
CANARY = "canary of globex: the vault opens at nine"
SCOPES = {"acme": '["memory"]', "globex": '["memory"]', "operator": '["admin:read", "admin:write"]'}
TENANTS = {"operator": "acme"}  # of a key that is not called like its own
KEYS = {name: new_key(name) for name in SCOPES}
USUAL = {
    "providers/order": {"order": ["native", "b"]},
    "providers/b/breaker": {"state": "auto"},
    "mode": {"mode": "read_write"},
}
HIDDEN = "/admin/quarantines/{quarantine_id}/memories"  # the one place where an operator reads memories of all tenants

DOCUMENT = schemathesis.openapi.from_dict(shallow(openapi_document())).include(path_regex="^/admin/")
DOCUMENT.config.phases.coverage.enabled = False  # see test_schemathesis_edges.py
_cases = count()


class Asked(Struct, frozen=True):
    """A service with two tenants; the secrets of their keys are told by nothing."""

    service: Service

    def by(self, name: str, method: str, path: str, **sent: object) -> httpx.Response:
        """Ask by one of the keys, as the user whom both tenants have."""
        headers = {"X-API-Key": KEYS[name]} | ({} if name == "operator" else {"X-User-ID": ALICE})
        return httpx.request(method, self.service.url + path, headers=headers, timeout=60, **sent)  # type: ignore[arg-type] # what httpx takes


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    """A live service over PostgreSQL and a standby, in which both tenants have a memory."""
    environ = patience_for("native") | {"NINAI__AUTH__MODE": "api_key", "NINAI__TENANTS__ENABLED": "true"}
    environ |= {"NINAI__ORDER": '["native", "b"]', "NINAI__PROVIDERS__B__KIND": "mock"}
    for name, key in KEYS.items():
        of_key = {"HASH": hash_key(key), "TENANT": TENANTS.get(name, name), "SCOPES": SCOPES[name]}
        environ |= {f"NINAI__AUTH__KEYS__{name}__{setting}": value for setting, value in of_key.items()}
    with reachable_folder() as folder, running_service(folder, environ) as service:
        asked = Asked(service)
        for tenant, text in (("acme", "tea"), ("globex", CANARY)):
            asked.by(tenant, "POST", "/memory/remember", json={"content": text}).raise_for_status()
        yield asked


@DOCUMENT.parametrize()
@settings(max_examples=CASES, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_an_operator_is_answered_as_documented(asked: Asked, case: schemathesis.Case[Any]) -> None:
    """And told neither a secret nor, but for what is hidden, what another tenant remembers."""
    number = next(_cases)
    case.headers["X-API-Key"] = KEYS["operator"]
    case.headers.pop("Last-Event-ID", None)  # of streams alone
    if "name" in case.path_parameters and number % 2:
        case.path_parameters["name"] = "b"
    if "user_id" in case.query and number % 2:
        case.query["user_id"] = ALICE

    # What an earlier case has switched would refuse this one.
    for path, usual in USUAL.items():
        asked.by("operator", "PUT", f"/admin/{path}", json=usual).raise_for_status()
    response = check(asked.service, case, altered=True)

    told = f"{response.text} {dict(response.headers)}"
    assert not any(key in told for key in KEYS.values())
    assert case.operation.path == HIDDEN or CANARY not in told


@DOCUMENT.parametrize()
@settings(max_examples=CASES // 10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_a_tenants_key_opens_nothing_of_it(asked: Asked, case: schemathesis.Case[Any]) -> None:
    """Whatever it asks for is refused, or is no request at all."""
    next(_cases)
    case.headers.update({"X-API-Key": KEYS["acme"], "X-User-ID": ALICE})

    response = case.call(base_url=asked.service.url)

    assert response.status_code in {400, 403, 404, 414}
    assert CANARY not in response.text


def test_the_other_tenants_memory_is_what_it_was() -> None:
    """Enough was asked."""
    assert next(_cases) >= LEAST_CASES
