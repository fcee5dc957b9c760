"""The numbers of the attempt policy are those of the design, and stay within bounds."""

import msgspec
import pytest

from providers.chain.policy import (
    LONGEST_REQUEST,
    AttemptPolicy,
    BreakerPolicy,
    BudgetPolicy,
    ChainPolicy,
    HedgingPolicy,
    OperationClass,
    OperationPolicy,
)

TABLE = {  # operation: deadline
    OperationClass.RECALL: 10.0,
    OperationClass.READ: 10.0,
    OperationClass.REMEMBER: 10.0,
    OperationClass.DELETE: 10.0,
    OperationClass.REPLAY: 30.0,
}


@pytest.mark.parametrize("operation", list(OperationClass))
def test_the_defaults_are_those_of_the_design(operation: OperationClass) -> None:
    """Each class of operations has its deadline, two tries, and a limit of one try that is found out."""
    policy = AttemptPolicy().of(operation)

    assert (policy.deadline, policy.try_limit, policy.tries) == (TABLE[operation], None, 2)


def test_what_writes_is_known() -> None:
    """Only recall, list and get change nothing."""
    assert [operation for operation in OperationClass if not operation.writes] == ["recall", "read"]


@pytest.mark.parametrize(
    ("size", "seconds"), [(0, 10.0), (1, 10.0), (100, 10.0), (101, 20.0), (200, 20.0), (201, 30.0), (1_000, 30.0)]
)
def test_a_batch_has_the_time_of_its_size(size: int, seconds: float) -> None:
    """Every further hundred is worth a deadline more, up to the longest request."""
    assert OperationPolicy().seconds(size, LONGEST_REQUEST) == seconds


def test_no_deadline_is_longer_than_the_longest_request() -> None:
    """Where that is short, so are all others."""
    assert OperationPolicy().seconds(1, 5.0) == 5.0
    assert ChainPolicy().longest_request == 30.0


def test_a_configured_limit_grows_with_the_batch() -> None:
    """Whoever sets the limit of one try sets it for each hundred memories."""
    assert [OperationPolicy(try_limit=0.5).limit(size) for size in (1, 100, 101)] == [0.5, 0.5, 1.0]
    assert OperationPolicy().limit(1_000) is None


@pytest.mark.parametrize(
    ("kind", "toml"),
    [
        (AttemptPolicy, "recall = {deadline = 0}"),
        (AttemptPolicy, "recall = {deadline = 601}"),
        (AttemptPolicy, "recall = {try_limit = nan}"),
        (AttemptPolicy, "recall = {tries = 0}"),
        (AttemptPolicy, "recall = {tries = 11}"),
        (AttemptPolicy, "first_wait = 0.3"),
        (AttemptPolicy, "jitter = 1"),
        (BreakerPolicy, "failure_share = 0"),
        (BreakerPolicy, "failure_share = 1.1"),
        (BreakerPolicy, "in_a_row = 0"),
        (BreakerPolicy, "first_pause = 61"),
        (BudgetPolicy, "share = 2"),
        (BudgetPolicy, "at_least = -1"),
        (ChainPolicy, "longest_request = 601"),
    ],
)
def test_a_number_out_of_bounds_is_refused(kind: type, toml: str) -> None:
    """A policy that could not work is not read at all."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(toml, type=kind)


def test_one_of_a_pair_is_enough() -> None:
    """What is left out keeps its default, that of the very class of operations."""
    toml = "recall = {try_limit = 0.4}\nreplay = {tries = 3}\ndelete = {deadline = 1}\nlongest_wait = 1"
    policy = msgspec.toml.decode(toml, type=AttemptPolicy)

    assert (policy.recall.deadline, policy.recall.try_limit, policy.recall.tries) == (10.0, 0.4, 2)
    assert (policy.replay.deadline, policy.replay.tries) == (30.0, 3)
    assert (policy.delete.deadline, policy.delete.try_limit) == (1.0, None)
    assert policy.remember == AttemptPolicy().remember
    assert policy.longest_wait == 1.0


def test_hedging_is_on_by_default() -> None:
    """Patience has the bounds of the design."""
    policy = ChainPolicy().hedging

    assert (policy.enabled, policy.factor, policy.least_patience, policy.most_patience) == (True, 2.0, 0.1, 2.0)


def test_patience_has_bounds_that_do_not_contradict_each_other() -> None:
    """Equal ones are a patience that is not learned."""
    assert HedgingPolicy(least_patience=0.5, most_patience=0.5).patience(10.0) == 0.5
    with pytest.raises(msgspec.ValidationError, match="least_patience"):
        msgspec.convert({"least_patience": 0.6, "most_patience": 0.5}, HedgingPolicy)


@pytest.mark.parametrize(("factor", "valid"), [(0.99, False), (1.0, True), (100.0, True), (100.1, False)])
def test_patience_is_not_shorter_than_what_it_is_learned_from(factor: float, valid: bool) -> None:  # noqa: FBT001 - one expectation
    """Nor without end."""
    try:
        msgspec.convert({"factor": factor}, HedgingPolicy)
    except msgspec.ValidationError:
        assert not valid
    else:
        assert valid
