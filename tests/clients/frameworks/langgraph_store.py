"""A program of LangGraph: a graph and the calls of a store, with what came back printed."""

import asyncio
import json
import sys
import time
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore, GetOp, PutOp, SearchOp

from ninaivalaigal import AsyncClient, Client
from ninaivalaigal.adapters.langgraph import NinaiStore

URL, USER = sys.argv[1:]


class State(TypedDict):
    """What the graph carries."""

    question: str
    answer: str


def node(state: State, *, store: BaseStore) -> State:
    """Remember a question, and answer with what a search finds."""
    store.put(("graph",), "q", {"text": state["question"]})
    [found] = store.search(("graph",), query="tea")
    return {"question": state["question"], "answer": found.value["text"]}


def values(store: NinaiStore, *namespace: str, **wanted: object) -> list[str]:
    """Return the keys that a search finds, in order."""
    return sorted(item.key for item in store.search(namespace, **wanted))


def waiting(store: NinaiStore) -> dict[str, object]:
    """Use the methods that wait."""
    docs = ("docs", "用户")
    store.put(docs, "a", {"text": "I drink green tea", "n": 1, "deep": {"kind": "drink"}})
    store.put(docs, "b/c", {"text": "the dog barks", "n": 2.5, "none": None})
    store.put(("docsx",), "a", {"text": "elsewhere", "n": 3})
    first = store.get(docs, "a")
    store.put(docs, "a", {"text": "I drink black tea", "n": 1, "deep": {"kind": "drink"}})
    second = store.get(docs, "a")
    said = {
        "replaced": [second.value["text"], second.created_at == first.created_at, second.updated_at > first.updated_at],
        "nearest": [item.key for item in store.search(("docs",), query="tea", limit=1)],
        "scored": store.search(("docs",), query="tea", limit=1)[0].score > 0,
        "prefix": values(store, "docs"),
        "all": values(store),
        "equal": values(store, filter={"n": 1}),
        "greater": values(store, filter={"n": {"$gt": 1, "$lte": 2.5}}),
        "unequal": values(store, filter={"n": {"$ne": 1}}),
        "deep": values(store, filter={"deep": {"kind": "drink"}}),
        "none": values(store, "docs", filter={"none": None}),
        "pages": [len(store.search(("docs",), limit=1, offset=at)) for at in range(3)],
        "namespaces": store.list_namespaces(),
        "beginning": store.list_namespaces(prefix=("docs",)),
        "end": store.list_namespaces(suffix=("用户",)),
        "depth": store.list_namespaces(max_depth=1, limit=1, offset=1),
    }
    store.put(docs, "hidden", {"text": "green tea"}, index=False)
    said["unindexed"] = values(store, "docs", query="green tea")
    store.delete(docs, "a")
    said["deleted"] = store.get(docs, "a")
    store.put(docs, "a", {"text": "again"})
    said["again"] = store.get(docs, "a").value
    said["lives"] = lives(store)
    said["batch"] = [
        item and item.key
        for item in store.batch(
            [PutOp(docs, "x", {"n": 1}), GetOp(docs, "x"), PutOp(docs, "x", {"n": 2}), GetOp(docs, "a")]
        )
    ]
    said["last"] = store.get(docs, "x").value
    return said


def lives(store: NinaiStore) -> dict[str, object]:
    """Let items expire: reads prolong them, unless they are told not to."""
    place, soon = ("lives",), 3 / 60
    for key in ("got", "found", "left"):
        store.put(place, key, {"text": key}, ttl=soon)
    store.put(place, "kept", {"text": "for ever"}, ttl=None)
    first = store.get(place, "got", refresh_ttl=False)
    time.sleep(1.5)
    got = store.get(place, "got")
    store.search(place, filter={"text": "found"})
    quiet = [store.get(place, "left", refresh_ttl=False), *store.search(place, refresh_ttl=False)]
    time.sleep(2.0)
    return {
        "read": got.value,
        "moments": [got.created_at == first.created_at, store.get(place, "got").updated_at == first.updated_at],
        "quiet": len(quiet),
        "left": [store.get(place, "left"), values(store, "lives")],
        "namespaces": store.list_namespaces(prefix=place),
    }


async def awaited(store: NinaiStore) -> dict[str, object]:
    """Use the methods for asyncio; many writers of one key leave one item."""
    await asyncio.gather(*(store.aput(("many",), "one", {"n": n}) for n in range(8)))
    found = await store.asearch(("many",))
    both = await store.abatch([SearchOp(("many",)), GetOp(("many",), "one")])
    await store.adelete(("many",), "one")
    return {
        "writers": [len(found), len(both[0]), both[1].value == found[0].value],
        "gone": await store.aget(("many",), "one"),
        "left": len(await store.asearch(("many",))),
    }


def main() -> None:
    """Make the calls, and print one object."""
    client = Client(URL, user=USER)
    store = NinaiStore(client)
    said = waiting(store)

    async def with_both() -> dict[str, object]:
        async with AsyncClient(URL, user=USER) as own:
            return await awaited(NinaiStore(client, own))

    said["async"] = asyncio.run(with_both())
    said["threads"] = asyncio.run(awaited(NinaiStore(client)))
    graph = StateGraph(State).add_node("node", node).add_edge(START, "node").add_edge("node", END)
    said["graph"] = graph.compile(store=store).invoke({"question": "who drinks tea?", "answer": ""})["answer"]
    json.dump(said, sys.stdout)


main()
