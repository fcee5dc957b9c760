"""A program of mem0's Python client: it makes every call that this service answers, and prints what came back.

It runs in an environment of its own, with a version of `mem0ai` that is installed there and nothing of ours.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

from mem0 import MemoryClient

HOST, KEY, USER = sys.argv[1:]


def attempt(call: Any) -> str:  # noqa: ANN401 - any call
    """Return the name of the error that a call raises, and its words."""
    try:
        return f"answered {call()}"
    except Exception as error:  # noqa: BLE001 - its name is what is looked at
        return f"{type(error).__name__}: {error}"


def results(answer: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a list or an object, by version
    """Return the memories of an answer."""
    memories: list[dict[str, Any]] = answer["results"] if isinstance(answer, dict) else answer
    return memories


def main() -> None:
    """Make the calls, and print one object."""
    # Versions before 1 take the second version of the API only where it is asked for, as here.
    asked = {"version": "v2", "filters": {"user_id": USER}}
    client = MemoryClient(api_key=KEY, host=HOST)
    messages = [
        {"role": "user", "content": "I moved to Paris last spring"},
        {"role": "assistant", "content": "I will remember that you moved to Paris"},
    ]
    added = results(client.add(messages, user_id=USER, run_id="r1", metadata={"topic": "home"}))
    client.add("I drink tea", user_id=USER)
    memory_id = added[0]["id"]
    said = {
        "version": version("mem0ai"),
        "added": [one["event"] for one in added],
        "found": [one["memory"] for one in results(client.search("tea", **asked))],
        "narrowed": [
            one["memory"]
            for one in results(
                client.search("Paris", version="v2", filters={"AND": [{"user_id": USER}, {"run_id": "r1"}]}, top_k=1)
            )
        ],
        "count": len(results(client.get_all(**asked))),
        "page": {
            key: value
            for key, value in client.get_all(**asked, page=1, page_size=2).items()
            if key in {"count", "previous"}
        },
        "got": {key: client.get(memory_id)[key] for key in ("memory", "user_id", "run_id", "metadata")},
    }
    client.update(memory_id, text="I moved to Rome last spring", metadata={"topic": "city"})
    said["changed"] = {key: client.get(memory_id)[key] for key in ("memory", "run_id", "metadata")}
    said["history"] = [one["event"] for one in client.history(memory_id)]
    client.batch_update([{"memory_id": memory_id, "text": "I moved to Oslo"}])
    said["batch"] = client.get(memory_id)["memory"]
    client.batch_delete([{"memory_id": added[1]["id"]}])
    client.delete(memory_id)
    said["gone"] = attempt(lambda: client.get(memory_id))
    said["left"] = len(results(client.get_all(**asked)))
    said["refused"] = attempt(lambda: client.search("tea", version="v2", filters={"user_id": "*"}))
    said["unserved"] = attempt(lambda: client.feedback(memory_id, feedback="POSITIVE"))
    client.delete_all(user_id=USER)
    said["end"] = len(results(client.get_all(**asked)))
    client.add("I drink coffee", user_id=USER)
    client.delete_users(user_id=USER)
    said["deleted_user"] = len(results(client.get_all(**asked)))
    said["wrong_key"] = attempt(lambda: MemoryClient(api_key="wrong", host=HOST))
    json.dump(said, sys.stdout)


main()
