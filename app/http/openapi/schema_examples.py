"""Examples of what requests send, by the names of their schemas in the OpenAPI document."""

from typing import Any

_ID = "01a203e4-5a4f-763f-8849-9a1d5c4214d4"
_TRIP = {"session": "trip-7", "agent": "planner"}

EXAMPLES: dict[str, dict[str, Any]] = {
    "RememberOneRequest": {
        "content": "Prefers aisle seats",
        "metadata": {"topic": "travel", "tags": ["seat"]},
        **_TRIP,
    },
    "BatchedMemory": {"content": "Prefers aisle seats", "created_at": "2026-03-01T09:30:00Z", **_TRIP},
    "Message": {"role": "user", "content": "I would like an aisle seat", "name": "Ann"},
    "UpdateRequest": {"content": "Prefers window seats", "session": None},
    "RecallRequest": {"query": "Which seat?", "limit": 5, "where": {"topic": "travel"}, "session": "trip-7"},
    "ListRequest": {
        "where": {"op": "contains", "field": "tags", "value": "seat"},
        "session": "trip-7",
        "order": "oldest",
        "limit": 100,
        "total": True,
    },
    "UpdateItem": {"memory_id": _ID, "metadata": {"topic": "travel"}},
    "DeleteBatchRequest": {"memory_ids": [_ID]},
}
