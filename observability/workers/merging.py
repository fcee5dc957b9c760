"""The merging of several workers' figures into those of the service: counts are added, each gauge has its own rule."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import isnan

from observability.workers.figures import Family, Figure, Figures, SampleExemplar

_Key = tuple[tuple[str, str], ...]
_Rule = Callable[[Sequence[float]], float]


def least(values: Sequence[float]) -> float:
    """Return the least of the known values, NaN if none is."""
    return min((value for value in values if not isnan(value)), default=values[0])


def most(values: Sequence[float]) -> float:
    """Return the greatest of the known values, NaN if none is."""
    return max((value for value in values if not isnan(value)), default=values[0])


# What each worker has for itself is added. Of what all workers see of the same thing the worst value counts: a backlog
# that two workers see is not two backlogs, and what one of them cannot reach is not well.
GAUGES: Mapping[str, _Rule] = {
    "ninai_rates_shared": min,
    "ninai_worker_processes": sum,
    "ninai_http_requests_in_flight": sum,
    "ninai_connections": sum,
    "ninai_admission_limit": sum,
    "ninai_admission_dear_limit": sum,
    "ninai_admission_used": sum,
    "ninai_admission_waiting": sum,
    "ninai_admission_queueing_delay_seconds": most,
    "ninai_provider_calls_in_flight": sum,
    "ninai_provider_places": sum,
    "ninai_provider_retries_left": sum,
    "ninai_background_tries_in_flight": sum,
    "ninai_provider_asked_second": most,
    "ninai_provider_patience_seconds": most,
    "ninai_database_connections": sum,
    "ninai_database_pool_size": sum,
    "ninai_database_waiting": sum,
    "ninai_journal_up": least,
    "ninai_journal_pending": most,
    "ninai_erasures_pending": most,
    "ninai_erasures_oldest_seconds": most,
    "ninai_journal_oldest_pending_seconds": most,
    "ninai_journal_dead": most,
    "ninai_provider_info": most,
    "ninai_filling_memories": most,
    "ninai_filling_users": most,
    "ninai_store_behind_seconds": most,
    "ninai_store_differences": most,
    "ninai_store_refused": most,
    "ninai_embeddings_waiting": most,
    "ninai_embedder_change_ratio": least,
    "ninai_recall_index_bytes": sum,
    "ninai_recall_index_limit_bytes": sum,
    "ninai_recall_index_users": sum,
    "ninai_clock_ahead_seconds": most,
    "ninai_config_info": most,
    "ninai_quarantines": most,
    "ninai_read_only": most,
    "ninai_config_last_reload_successful": least,
    "process_virtual_memory_bytes": sum,
    "process_resident_memory_bytes": sum,
    "process_open_fds": sum,
    "process_max_fds": least,
    "process_start_time_seconds": least,
    "python_info": most,
}

# Exactly one of these states is 1, also for the service: the first in this list that any worker is in. A breaker that
# is open in one worker keeps its callers from the provider, and would go unseen beside four closed ones.
STATES: Mapping[str, tuple[str, Sequence[str]]] = {
    "ninai_breaker_state": ("state", ("forced_open", "open", "half_open", "forced_closed", "closed")),
    "ninai_provider_role": ("role", ("filling", "restored", "standby", "home")),
}


def merged(living: Sequence[Figures], departed: Sequence[Figures]) -> list[Family]:
    """Return the families of the service; of departed workers only the counts are included."""
    together: dict[str, list[Family]] = {}
    for family in chain.from_iterable(figures.families for figures in living):
        together.setdefault(family.name, []).append(family)
    for family in chain.from_iterable(figures.families for figures in departed):
        if is_counted(family):
            together.setdefault(family.name, []).append(family)
    return [_merged(families) for families in together.values()]


def is_counted(family: Family) -> bool:
    """Return whether a family counts events, and is no current state."""
    return family.type not in {"gauge", "info"}


def _merged(families: Sequence[Family]) -> Family:
    first = families[0]
    by_key: dict[tuple[str, _Key], list[Figure]] = {}
    for figure in chain.from_iterable(family.figures for family in families):
        by_key.setdefault((figure.name, tuple(figure.labels.items())), []).append(figure)
    rule: _Rule = sum if is_counted(first) else GAUGES.get(first.name, most)
    figures = [
        alike[0]
        if len(alike) == 1
        else Figure(name, alike[0].labels, rule([one.value for one in alike]), _newest(alike))
        for (name, _), alike in by_key.items()
    ]
    if first.name in STATES:
        figures = _in_one_state(figures, *STATES[first.name])
    return Family(first.name, first.documentation, first.type, figures)


def _newest(alike: Iterable[Figure]) -> SampleExemplar | None:
    exemplars = [figure.exemplar for figure in alike if figure.exemplar is not None]
    return max(exemplars, key=lambda exemplar: exemplar.at, default=None)


def _in_one_state(figures: Sequence[Figure], label: str, states: Sequence[str]) -> list[Figure]:
    """Leave 1 at the first state that has it, for each set of the other labels."""
    found: dict[_Key, str] = {}
    for state in states:
        for figure in figures:
            if figure.labels[label] == state and figure.value:
                found.setdefault(_others(figure, label), state)
    return [
        Figure(figure.name, figure.labels, float(found.get(_others(figure, label)) == figure.labels[label]))
        for figure in figures
    ]


def _others(figure: Figure, label: str) -> _Key:
    return tuple(item for item in figure.labels.items() if item[0] != label)
