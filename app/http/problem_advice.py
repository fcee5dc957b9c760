"""What a caller does about each kind of problem; the reference of problems is made from it."""

from collections.abc import Mapping

from app.http import problems
from app.http.problems import ProblemType

ADVICE: Mapping[ProblemType, str] = {
    problems.BAD_REQUEST: "Correct the request; repeating it as it is changes nothing.",
    problems.MALFORMED_BODY: "Send JSON, in UTF-8, as the body; `detail` says where it stops being JSON.",
    problems.UNAUTHENTICATED: (
        "Send a key or a token that counts, once and in one header; the operator finds in the log why this one did not."
    ),
    problems.FORBIDDEN: "Ask the operator for a key with the scope, or for the user, that `detail` names.",
    problems.QUOTA_EXCEEDED: "Delete what is not needed any more, or ask the operator for a larger quota.",
    problems.VERSION_NOT_FOUND: "List the versions of the memory: older ones than are kept are gone.",
    problems.ERASURE_NOT_FOUND: "List the erasures: records older than they are kept for are gone.",
    problems.USER_ERASED: "Take it as an answer: all of the user is gone. Send it again only if the user comes back.",
    problems.QUARANTINE_NOT_FOUND: "List the quarantines: somebody has lifted this one, or it never was.",
    problems.QUARANTINE_NOT_SAVED: "Look whether the data folder can be written, and send it again.",
    problems.NOT_FOUND: "Correct the path; `/docs` lists all that there are.",
    problems.MEMORY_NOT_FOUND: "Take it as an answer: the user has no memory with this id, or under this key.",
    problems.UNKNOWN_PROVIDER: "Use a name that `ninai providers` shows.",
    problems.NO_JOURNAL: (
        "Ask for nothing of the journal where a single provider works without one, or configure one (`journal.kind`)."
    ),
    problems.DEAD_LETTER_NOT_FOUND: "List the dead letters again: somebody has decided about this one.",
    problems.METHOD_NOT_ALLOWED: "Use one of the methods that the header `Allow` names.",
    problems.REQUEST_TIMEOUT: (
        "Send the body faster or in smaller parts, or have the operator raise `server.body_timeout`."
    ),
    problems.CONFLICT: "Use a new `Idempotency-Key` for a new request; the same key is for the same request alone.",
    problems.CURSOR_LOST: (
        "Begin the list or the feed anew; the cursor is of another list, or of a store that has changed."
    ),
    problems.ANOTHER_STORE: (
        "Look whether the right store stands behind the name; `ninai providers` shows what the service knows of it."
    ),
    problems.KEY_TAKEN: "Choose another key, or change the memory that has it.",
    problems.SESSION_LOST: (
        "Read without `Memory-Session`, and look whether what the session wrote is there; store it again if it is not."
    ),
    problems.ORDER_REFUSED: "Do what `detail` says, and set the order again; the former order is still in force.",
    problems.MEMORY_DELETED: (
        "Take it as an answer: the memory was deleted for good. Store a new one if it is wanted again."
    ),
    problems.VERSION_MISMATCH: "Read the memory again, decide anew, and send the new `ETag` in `If-Match`.",
    problems.TOO_LARGE: "Send less at once: split a batch, or an import; `detail` names the limit.",
    problems.UNSUPPORTED_MEDIA_TYPE: "Send `Content-Type: application/json`.",
    problems.INVALID_INPUT: "Correct the fields that `errors` names; each has the rule that it breaks.",
    problems.TOO_DEAR: "Ask for less at once: fewer questions in a batch, or a narrower condition.",
    problems.ANSWER_TOO_LARGE: "Ask for fewer memories with `limit`, or in several requests.",
    problems.RATE_LIMITED: "Wait for as many seconds as `Retry-After` says; `RateLimit` tells what is left.",
    problems.INTERNAL: "Report the `request_id` to the operator: it is a bug, and the log has its traceback.",
    problems.NOT_SERVED: "Do without it, or use the route of the own API that does the same.",
    problems.UNSUPPORTED: "Do without it, or have the operator use a provider that can.",
    problems.READ_ONLY: (
        "Wait for as many seconds as `Retry-After` says and send the write again; reads are answered meanwhile."
    ),
    problems.MODE_NOT_SET: "Look whether the data folder can be written, and set the mode again.",
    problems.METRICS_LATE: "Scrape again; if it lasts, one of the workers is busy or hangs.",
    problems.UNAVAILABLE: (
        "Repeat the request after `Retry-After`, a write with its `Idempotency-Key`: it then happens once, "
        "whatever became of this one."
    ),
    problems.OVERLOADED: "Repeat the request after `Retry-After`, and send less at once; nothing has been done yet.",
}
