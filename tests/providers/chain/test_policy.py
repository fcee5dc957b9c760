"""The numbers of the attempt policy are those of the design, and stay within bounds."""

import msgspec
import pytest

from providers.chain.policy import MEM0, NATIVE, AttemptPolicy, BreakerPolicy, BudgetPolicy, OperationClass

TABLE = {  # operation: total deadline, one try at native, one try at mem0
    OperationClass.RECALL: (0.5, 0.2, 2.0),
    OperationClass.READ: (0.5, 0.2, 2.0),
    OperationClass.REMEMBER: (2.0, 0.5, 5.0),
    OperationClass.DELETE: (1.0, 0.3, 2.0),
    OperationClass.REPLAY: (30.0, 5.0, 15.0),
}


@pytest.mark.parametrize("operation", list(OperationClass))
def test_the_defaults_are_those_of_the_design(operation: OperationClass) -> None:
    """Each class of operations has its deadline, its limit of one try at each kind of provider, and two tries."""
    native, mem0 = NATIVE.of(operation), MEM0.of(operation)

    assert (native.deadline, native.try_limit, mem0.try_limit) == TABLE[operation]
    assert (mem0.deadline, native.tries, mem0.tries) == (native.deadline, 2, 2)


def test_what_writes_is_known() -> None:
    """Only recall, list and get change nothing."""
    assert [operation for operation in OperationClass if not operation.writes] == ["recall", "read"]


def test_a_fair_try_is_half_of_what_it_could_have_had() -> None:
    """The share is of the limit or of the whole deadline, whichever is nearer."""
    assert NATIVE.recall.fair_try == 0.1
    assert MEM0.recall.fair_try == 0.25
    assert MEM0.remember.fair_try == 1.0


@pytest.mark.parametrize(
    ("kind", "toml"),
    [
        (AttemptPolicy, "recall = {deadline = 0, try_limit = 1}"),
        (AttemptPolicy, "recall = {deadline = 601, try_limit = 1}"),
        (AttemptPolicy, "recall = {deadline = 1, try_limit = nan}"),
        (AttemptPolicy, "recall = {deadline = 1, try_limit = 1, tries = 0}"),
        (AttemptPolicy, "recall = {deadline = 1, try_limit = 1, tries = 11}"),
        (AttemptPolicy, "recall = {deadline = 1}"),
        (AttemptPolicy, "first_wait = 0.3"),
        (AttemptPolicy, "jitter = 1"),
        (BreakerPolicy, "failure_share = 0"),
        (BreakerPolicy, "failure_share = 1.1"),
        (BreakerPolicy, "in_a_row = 0"),
        (BreakerPolicy, "first_pause = 61"),
        (BudgetPolicy, "share = 2"),
        (BudgetPolicy, "at_least = -1"),
    ],
)
def test_a_number_out_of_bounds_is_refused(kind: type, toml: str) -> None:
    """A policy that could not work is not read at all."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(toml, type=kind)


def test_a_policy_reads_from_settings() -> None:
    """What is left out keeps its default."""
    policy = msgspec.toml.decode("recall = {deadline = 1, try_limit = 0.4}\nlongest_wait = 1", type=AttemptPolicy)

    assert (policy.recall.deadline, policy.recall.try_limit, policy.recall.tries) == (1.0, 0.4, 2)
    assert policy.remember == NATIVE.remember
    assert policy.longest_wait == 1.0
