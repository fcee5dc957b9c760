"""The live service, asked by one tenant whatever its document allows and forbids: of another tenant it learns nothing.

Both have a user of the same id. The one asks in its name, and for the memories of the other by their ids; the other's
stay what they are, and nothing of them is in an answer.
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

CASES = 250  # of each operation: more than 10,000 in all
LEAST_CASES = 10_000
ALICE = "alice"
CANARIES = ("canary of globex: the vault opens at nine", "canary of globex: the key is under the mat")
KEYS = {"acme": new_key("acme"), "globex": new_key("globex")}

DOCUMENT = schemathesis.openapi.from_dict(shallow(openapi_document()))
DOCUMENT.config.phases.coverage.enabled = False  # see test_schemathesis_edges.py
_cases = count()


class Victim(Struct, frozen=True):
    """The other tenant's memories as they were stored, and the service that has them."""

    service: Service
    memories: str
    ids: tuple[str, ...]

    def unchanged(self) -> bool:
        """Ask for them again."""
        return _listed(self.service) == self.memories


def _asked(service: Service, method: str, path: str, tenant: str, **sent: object) -> httpx.Response:
    headers = {"X-API-Key": KEYS[tenant], "X-User-ID": ALICE}
    return httpx.request(method, service.url + path, headers=headers, timeout=60, **sent)  # type: ignore[arg-type] # what httpx takes


def _listed(service: Service) -> str:
    return _asked(service, "GET", "/memory/memories", "globex").text


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    """A live service over PostgreSQL with both tenants, of which one has memories already."""
    environ = {"NINAI__AUTH__MODE": "api_key", "NINAI__TENANTS__ENABLED": "true"}
    for tenant, key in KEYS.items():
        environ |= {f"NINAI__AUTH__KEYS__{tenant}__HASH": hash_key(key), f"NINAI__AUTH__KEYS__{tenant}__TENANT": tenant}
    with reachable_folder() as folder, running_service(folder, patience_for("native") | environ) as service:
        stored = [
            _asked(service, "POST", "/memory/remember", "globex", json={"content": text}).json()["memory_id"]
            for text in CANARIES
        ]
        yield Victim(service, _listed(service), tuple(stored))


@DOCUMENT.parametrize()
@settings(max_examples=CASES, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_a_tenant_learns_nothing_of_another(victim: Victim, case: schemathesis.Case[Any]) -> None:
    """And no answer is other than documented."""
    number = next(_cases)
    case.headers.update({"X-API-Key": KEYS["acme"], "X-User-ID": ALICE})
    if "memory_id" in case.path_parameters and number % 2:
        case.path_parameters["memory_id"] = victim.ids[number % len(victim.ids)]

    response = check(victim.service, case, altered=True)

    told = f"{response.text} {dict(response.headers)}"
    assert not any(canary in told for canary in CANARIES)
    # Whoever names an id has it back in the detail of the refusal.
    assert response.status_code != 200 or not any(memory_id in told for memory_id in victim.ids)


def test_the_other_tenants_memories_are_what_they_were(victim: Victim) -> None:
    """After all of it, and enough was asked."""
    assert all(canary in victim.memories for canary in CANARIES)
    assert victim.unchanged()
    assert next(_cases) >= LEAST_CASES
