"""The metrics of the service: what is there, in which format, and that clients cannot make more of them."""

import random
import string
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from observability.metrics import OPERATIONS, Metrics
from tests.support.api import ABSENT_ID, Api, asgi_client, fresh_user, running_app

FAMILIES = {
    "ninai_operation_duration_seconds": "histogram",
    "ninai_http_request_duration_seconds": "histogram",
    "ninai_http_requests_in_flight": "gauge",
    "ninai_background_tries": "counter",
    "ninai_background_tries_in_flight": "gauge",
    "ninai_slowed_writes": "counter",
    "ninai_embedder_duration_seconds": "histogram",
    "ninai_embeddings_refused": "counter",
    "ninai_embeddings_waiting": "gauge",
    "ninai_embedder_change_ratio": "gauge",
    "ninai_recall_index_bytes": "gauge",
    "ninai_recall_index_events": "counter",
    "ninai_recall_index_limit_bytes": "gauge",
    "ninai_recall_index_users": "gauge",
    "ninai_operation_overhead_seconds": "histogram",
    "ninai_provider_attempt_duration_seconds": "histogram",
    "ninai_provider_retries": "counter",
    "ninai_provider_retries_given_up": "counter",
    "ninai_fallbacks": "counter",
    "ninai_degraded_answers": "counter",
    "ninai_provider_calls_in_flight": "gauge",
    "ninai_provider_places": "gauge",
    "ninai_provider_retries_left": "gauge",
    "ninai_provider_hedges": "counter",
    "ninai_provider_asked_second": "gauge",
    "ninai_provider_patience_seconds": "gauge",
    "ninai_provider_info": "gauge",
    "ninai_filling_memories": "gauge",
    "ninai_filling_users": "gauge",
    "ninai_database_connections": "gauge",
    "ninai_database_pool_size": "gauge",
    "ninai_database_waiting": "gauge",
    "ninai_database_acquire_duration_seconds": "histogram",
    "ninai_breaker_state": "gauge",
    "ninai_breaker_transitions": "counter",
    "ninai_provider_role": "gauge",
    "ninai_journal_duration_seconds": "histogram",
    "ninai_journal_delivery_lag_seconds": "histogram",
    "ninai_expired_memories_erased": "counter",
    "ninai_touches": "counter",
    "ninai_erased_states": "counter",
    "ninai_erasures_pending": "gauge",
    "ninai_erasures_oldest_seconds": "gauge",
    "ninai_journal_deliveries": "counter",
    "ninai_journal_pending": "gauge",
    "ninai_journal_oldest_pending_seconds": "gauge",
    "ninai_journal_dead": "gauge",
    "ninai_journal_up": "gauge",
    "ninai_clock_ahead_seconds": "gauge",
    "ninai_config_info": "gauge",
    "ninai_config_reloads": "counter",
    "ninai_config_last_reload_successful": "gauge",
    "ninai_mem0_dropped": "counter",
    "ninai_provider_contradictions": "counter",
    "ninai_store_behind_seconds": "gauge",
    "ninai_store_differences": "gauge",
    "ninai_store_differences_healed": "counter",
    "ninai_store_events": "counter",
    "ninai_store_refused": "gauge",
    "ninai_worker_processes": "gauge",
    "ninai_connections": "gauge",
    "ninai_auth_refusals": "counter",
    "ninai_connections_cut": "counter",
    "ninai_admission_limit": "gauge",
    "ninai_admission_dear_limit": "gauge",
    "ninai_admission_used": "gauge",
    "ninai_admission_waiting": "gauge",
    "ninai_admission_queueing_delay_seconds": "gauge",
    "ninai_admission_wait_seconds": "histogram",
    "ninai_admission_shed": "counter",
    "ninai_audit_entries": "counter",
    "ninai_audit_lost": "counter",
    "ninai_audit_not_shipped": "counter",
    "ninai_extraction_duration_seconds": "histogram",
    "ninai_extractions": "counter",
    "ninai_facts_dropped": "counter",
    "ninai_facts_stored": "counter",
    "ninai_quota_refused": "counter",
    "ninai_quota_unknown": "counter",
    "ninai_rate_limited": "counter",
    "ninai_quarantine_hidden": "counter",
    "ninai_quarantines": "gauge",
    "ninai_rates_shared": "gauge",
    "ninai_read_only": "gauge",
    "ninai_retention_erased": "counter",
    "ninai_webhook_attempts": "counter",
    "ninai_webhook_changes": "counter",
    "ninai_build": "info",
}
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
TEMPLATES = {
    "/",
    "/mcp",
    "/mcp/u/{user}",
    "/docs",
    "/docs/scalar.js",
    "/docs/{path}",
    "/livez",
    "/memory/changes",
    "/memory/delete/batch",
    "/memory/export",
    "/memory/memories/{memory_id}/history",
    "/memory/memories/{memory_id}/history/{version}/restore",
    "/memory/erasures/{erasure_id}",
    "/memory/health",
    "/memory/import",
    "/memory/keys/delete",
    "/memory/keys/get",
    "/memory/keys/list",
    "/memory/keys/put",
    "/memory/keys/rename",
    "/memory/keys/{key}",
    "/memory/list",
    "/memory/memories",
    "/memory/memories/{memory_id}",
    "/memory/recall",
    "/memory/recall/batch",
    "/memory/remember",
    "/memory/remember/batch",
    "/memory/update/batch",
    "/metrics",
    "/openapi.json",
    "/readyz",
    "unmatched",
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"}


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Litestar]:
    """An application whose metrics begin at zero."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


async def scraped(http: httpx.AsyncClient) -> dict[str, Metric]:
    """Every family as a scraper gets it."""
    response = await http.get("/metrics", headers={"Accept": OPEN_METRICS})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    return {family.name: family for family in open_families(response.text)}  # type: ignore[no-untyped-call] # as the parser is


def labels_of(family: Metric, name: str) -> set[str]:
    """Every value of one label."""
    return {sample.labels[name] for sample in family.samples}


async def test_every_family_is_there_from_the_start(http: httpx.AsyncClient) -> None:
    """All metrics have their type and a description before anything has happened."""
    families = await scraped(http)

    assert {name: family.type for name, family in families.items() if name.startswith("ninai_")} == FAMILIES
    assert all(family.documentation for family in families.values())


async def test_every_operation_is_zero_from_the_start(http: httpx.AsyncClient) -> None:
    """Each operation of the provider has a series before its first call, so that a rate sees it begin."""
    durations = (await scraped(http))["ninai_operation_duration_seconds"]

    counts = {
        (sample.labels["operation"], sample.labels["outcome"]): sample.value
        for sample in durations.samples
        if sample.name.endswith("_count")
    }
    outcomes = ("ok", "unavailable", "timeout")
    assert counts == {(operation, outcome): 0 for operation in OPERATIONS for outcome in outcomes}


async def test_a_route_has_series_from_its_first_request_on(http: httpx.AsyncClient) -> None:
    """Each has some for success and failure then, so that the first failures are an increase, and none before."""
    before = (await scraped(http))["ninai_http_request_duration_seconds"]
    await http.post("/memory/recall", json={"query": "tea"})
    after = (await scraped(http))["ninai_http_request_duration_seconds"]

    def counts(family: Metric) -> dict[tuple[str, str, str], float]:
        return {
            (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
            for sample in family.samples
            if sample.name.endswith("_count") and sample.labels["route"].startswith("/memory/")
        }

    asked = "POST", "/memory/recall"
    assert counts(before) == {}
    assert counts(after) == {(*asked, "200"): 1, (*asked, "500"): 0, (*asked, "503"): 0}


async def test_a_scraper_chooses_the_format(http: httpx.AsyncClient) -> None:
    """The same families come as OpenMetrics or as Prometheus' text, whatever a scraper accepts."""
    asked = {
        OPEN_METRICS: "application/openmetrics-text",
        "text/plain;version=0.0.4": "text/plain",
        "*/*": "text/plain",
        "": "text/plain",
        "application/json": "text/plain",
    }
    for accept, content_type in asked.items():
        response = await http.get("/metrics", headers={"Accept": accept})

        parse = open_families if content_type != "text/plain" else text_families
        told = {family.name for family in parse(response.text)}
        names = told | {name.removesuffix("_info") for name in told}  # the text format has no type for an info
        assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (200, content_type)
        assert names >= set(FAMILIES)


async def test_operations_are_counted_by_their_outcome(http: httpx.AsyncClient) -> None:
    """What succeeds, what is not found and what breaks a rule are told apart."""
    api = Api(http, fresh_user())
    memory_id = await api.stored("tea")
    await api.get(memory_id)
    await api.delete(memory_id)
    await api.get(memory_id)
    await api.get("x")

    durations = (await scraped(http))["ninai_operation_duration_seconds"]

    counts = {
        (sample.labels["operation"], sample.labels["outcome"]): sample.value
        for sample in durations.samples
        if sample.name.endswith("_count") and sample.value
    }
    assert counts == {
        ("remember", "ok"): 1,
        ("get", "ok"): 1,
        ("delete", "ok"): 1,
        ("get", "not_found"): 1,
        ("get", "invalid"): 1,
    }
    assert labels_of(durations, "provider") == {"mock"}


def series_in(families: Mapping[str, Metric]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """The name and labels of every sample."""
    return {
        (sample.name, frozenset(sample.labels.items())) for family in families.values() for sample in family.samples
    }


async def test_clients_make_no_series(http: httpx.AsyncClient) -> None:
    """However many paths, methods, users, ids and keys clients come up with, labels keep to what is known."""
    chance = random.Random(0)  # noqa: S311 - the same paths every time
    await scraped(http)
    before = series_in(await scraped(http))

    def word() -> str:
        return "".join(chance.choices(string.ascii_letters + string.digits + "-._~%{}", k=chance.randint(1, 30)))

    prefixes = [
        "/",
        "/memory/",
        "/memory/memories/",
        "/memory/remember/",
        "/docs/",
        "/docs/scalar.js/",
        "//",
        "/livez/",
    ]
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "PROPFIND"]
    for _ in range(200):
        await http.request(
            chance.choice(methods),
            chance.choice(prefixes) + word(),
            params={word(): word()},
            headers={"X-User-ID": word(), "Idempotency-Key": word(), "X-Request-ID": word(), "Accept": word()},
            content=word(),
        )

    families = await scraped(http)
    requests = families["ninai_http_request_duration_seconds"]
    assert sum(sample.value for sample in requests.samples if sample.name.endswith("_count")) == 202
    assert labels_of(requests, "route") <= TEMPLATES
    assert labels_of(requests, "method") <= METHODS
    assert labels_of(requests, "status") <= {"200", "204", "302", "400", "404", "405", "415", "422", "500", "503"}
    # Nothing but requests of another kind: method, template and status are each one of a few.
    new = {name for name, _ in series_in(families) - before}
    assert {name.rpartition("_")[0] for name in new} == {"ninai_http_request_duration_seconds"}


@pytest.mark.thorough
async def test_use_makes_no_series(http: httpx.AsyncClient) -> None:
    """Twenty users who do everything leave as many series as the first of them."""
    await scraped(http)
    seen = []
    for _ in range(4):
        for _ in range(5):
            await use(Api(http, fresh_user()))
        seen.append(series_in(await scraped(http)))

    assert seen[0] == seen[1] == seen[2] == seen[3]


async def use(api: Api) -> None:
    """Ask for everything, in vain as well."""
    memory_id = await api.stored(fresh_user(), {fresh_user(): fresh_user()})
    await api.remember("tea", key=fresh_user())
    await api.recall(fresh_user())
    await api.get(memory_id)
    await api.get(ABSENT_ID)
    await api.update(memory_id, content=fresh_user())
    await api.remember("")
    await api.page(limit=1)
    await api.remember_batch("tea", "coffee")
    await api.delete(memory_id)
    await api.get(fresh_user())


def test_one_registry_takes_the_metrics_once() -> None:
    """A second set on the same registry is an error, and on another one it is not."""
    registry = CollectorRegistry()
    Metrics(registry)

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(registry)
    Metrics(CollectorRegistry())
