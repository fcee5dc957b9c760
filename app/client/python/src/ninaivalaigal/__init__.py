"""The Python client of ninaivalaigal, a memory service for AI agents."""

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.attempts import Retries
from ninaivalaigal.client import Client
from ninaivalaigal.errors import (
    ClientError,
    Conflicting,
    Gone,
    InvalidRequest,
    LostCursor,
    LostSession,
    NoAnswer,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotSendable,
    NotServed,
    Refused,
    ServiceFailed,
    TemporarilyUnavailable,
    UnexpectedAnswer,
)
from ninaivalaigal.values import (
    Batch,
    BatchResult,
    Deleted,
    DeletedMany,
    Facts,
    Matching,
    Memory,
    Page,
    ProblemDetails,
    Recalled,
    Remembered,
    ServiceHealth,
)

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Batch",
    "BatchResult",
    "Client",
    "ClientError",
    "Conflicting",
    "Deleted",
    "DeletedMany",
    "Facts",
    "Gone",
    "InvalidRequest",
    "LostCursor",
    "LostSession",
    "Matching",
    "Memory",
    "NoAnswer",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "NotSendable",
    "NotServed",
    "Page",
    "ProblemDetails",
    "Recalled",
    "Refused",
    "Remembered",
    "Retries",
    "ServiceFailed",
    "ServiceHealth",
    "TemporarilyUnavailable",
    "UnexpectedAnswer",
]
