"""The limits that settings come to are told with where each number comes from."""

from app.settings.limits_in_force import DELIVERED, FOUND_OUT, UNTIL_DEADLINE, LimitsInForce, limits_in_force
from providers.chain.policy import OperationClass
from tests.app.settings.configuration import Configuration

TWO = 'order = ["a", "b"]\n[providers.a]\nkind = "mock"\n[providers.b]\nkind = "mock"\n'
RECALL, REMEMBER, REPLAY = OperationClass.RECALL, OperationClass.REMEMBER, OperationClass.REPLAY


def limits(
    configuration: Configuration, toml: str = "", environ: dict[str, str] | None = None
) -> dict[tuple[str, OperationClass], LimitsInForce]:
    """The limits by provider and class of operations."""
    loaded = configuration.load(toml, environ or {})
    return {(one.provider, one.operation): one for one in limits_in_force(loaded.settings, loaded.origins)}


def test_a_provider_alone_is_waited_for_until_the_deadline(configuration: Configuration) -> None:
    """There is nobody else to ask; every class of operations is told of."""
    found = limits(configuration)

    assert set(found) == {("native", operation) for operation in OperationClass}
    assert {one.try_limit for key, one in found.items() if key[1] is not REPLAY} == {UNTIL_DEADLINE}
    recall = found["native", RECALL]
    assert (recall.deadline, recall.batch_deadline, recall.deadline_from) == (10.0, 30.0, "default")


def test_where_somebody_else_follows_the_limit_is_found_out(configuration: Configuration) -> None:
    """For reads at all but the last, and for writes, which are durable already, at all."""
    found = limits(configuration, TWO)

    assert (found["a", RECALL].try_limit, found["b", RECALL].try_limit) == (FOUND_OUT, UNTIL_DEADLINE)
    assert (found["a", REMEMBER].try_limit, found["b", REMEMBER].try_limit) == (DELIVERED, DELIVERED)


def test_where_every_caller_waits_writes_have_until_the_deadline(configuration: Configuration) -> None:
    """As without a journal; reads are not concerned."""
    found = limits(configuration, f"{TWO}[chain]\nwrites_wait = true")

    assert (found["a", RECALL].try_limit, found["a", REMEMBER].try_limit) == (FOUND_OUT, UNTIL_DEADLINE)


def test_what_is_configured_is_told_with_its_source(configuration: Configuration) -> None:
    """One of a pair by a variable, the other one as it was."""
    variable = "NINAI__CHAIN__ATTEMPTS__NATIVE__RECALL__DEADLINE"
    recall = limits(configuration, environ={variable: "20"})["native", RECALL]

    assert (recall.deadline, recall.deadline_from) == (20.0, variable)
    assert (recall.try_limit, recall.try_limit_from) == (UNTIL_DEADLINE, "default")
    assert recall.sentence == (
        f"deadline 20 s ({variable}), up to 30 s for a batch; one try until the deadline (default)"
    )


def test_what_the_longest_request_cuts_says_so(configuration: Configuration) -> None:
    """The number is not the default any more."""
    recall = limits(configuration, "[chain]\nlongest_request = 4")["native", RECALL]

    assert (recall.deadline, recall.batch_deadline, recall.deadline_from) == (4.0, 4.0, "chain.longest_request")
