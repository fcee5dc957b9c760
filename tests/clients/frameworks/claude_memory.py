"""A program of Anthropic's SDK: its runner and the commands of the memory tool, with what came back printed."""

import asyncio
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from anthropic import Anthropic, DefaultHttpxClient
from anthropic.lib.tools import ToolError

from ninaivalaigal import AsyncClient, Client
from ninaivalaigal.adapters.claude import NinaiAsyncMemoryTool, NinaiMemoryTool

URL, USER = sys.argv[1:]


def refused(call: Callable[[], object]) -> str:
    """Return why a command is refused."""
    try:
        return f"not refused: {call()}"
    except ToolError as error:
        return str(error)


def commands(tool: NinaiMemoryTool) -> dict[str, object]:
    """Use every command."""

    def do(command: str, **given: object) -> object:
        return tool.call({"command": command, **given})

    note, task = "/memories/notes.txt", "/memories/task"
    text = "first\nsecond\n  third  \n"
    said = {
        "empty": do("view", path="/memories"),
        "created": do("create", path=note, file_text=text),
        "viewed": do("view", path=note),
        "range": do("view", path=note, view_range=[2, 3]),
        "replaced": do("str_replace", path=note, old_str="second", new_str="2nd"),
        "inserted": do("insert", path=note, insert_line=0, insert_text="zeroth\n"),
        "whole": do("view", path=note),
    }
    do("create", path=f"{task}/a/b/deep.txt", file_text="x" * 1500)
    do("create", path=f"{task}/用户.md", file_text="")
    do("create", path=f"{task}er.txt", file_text=" \n ")
    do("create", path="/memories/.hidden", file_text="h")
    said |= {
        "tree": do("view", path="/memories"),
        "blank": do("view", path=f"{task}er.txt"),
        "moved": do("rename", old_path=task, new_path="/memories/play/ground"),
        "beside": do("view", path=f"{task}er.txt"),
        "inside": do("view", path="/memories/play"),
        "renamed": do("rename", old_path=note, new_path="/memories/play/n.txt"),
        "deleted": do("delete", path="/memories/play/ground"),
        "again": do("create", path="/memories/play/ground/用户.md", file_text="back"),
        "back": do("view", path="/memories/play/ground/用户.md"),
    }
    said["refused"] = [
        refused(call)
        for call in (
            lambda: do("view", path="/memories/none"),
            lambda: do("view", path="/etc/passwd"),
            lambda: do("view", path="/memories/../etc/passwd"),
            lambda: do("view", path="/memoriesx"),
            lambda: do("create", path="/memories/play/n.txt", file_text="y"),
            lambda: do("create", path="/memories/play", file_text="y"),
            lambda: do("create", path="/memories/play/n.txt/below", file_text="y"),
            lambda: do("create", path="/memories/long", file_text="x" * 32_001),
            lambda: do("create", path="/memories/".ljust(256, "p"), file_text="x"),
            lambda: do("create", path="/memories/\ud800", file_text="x"),
            lambda: do("str_replace", path="/memories/play/n.txt", old_str="absent", new_str="y"),
            lambda: do("str_replace", path="/memories/play/n.txt", old_str="th", new_str="y"),
            lambda: do("str_replace", path="/memories/play", old_str="t", new_str="y"),
            lambda: do("insert", path="/memories/play/n.txt", insert_line=9, insert_text="y"),
            lambda: do("delete", path="/memories"),
            lambda: do("delete", path="/memories/none"),
            lambda: do("rename", old_path="/memories/none", new_path="/memories/some"),
            lambda: do("rename", old_path="/memories/play", new_path="/memories/play/in"),
            lambda: do("rename", old_path="/memories/play/n.txt", new_path="/memories/tasker.txt"),
        )
    ]
    do("create", path="/memories/".ljust(255, "p"), file_text="x")
    do("create", path="/memories/both", file_text="0\n")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda text: do("insert", path="/memories/both", insert_line=0, insert_text=text), "abc"))
    lines = str(do("view", path="/memories/both")).split("\n")[1:]
    said["together"] = sorted(line.partition("\t")[2] for line in lines)
    do("create", path="/memories/longest", file_text="x" * 32_000)
    said["longest"] = len(do("view", path="/memories/longest"))
    said["cleared"] = [tool.clear_all_memory(), do("view", path="/memories")]
    return said


def with_runner(tool: NinaiMemoryTool) -> str:
    """Let the SDK's own runner carry out what a model, here a script, wants done."""
    import httpx2 as httpx

    asked: list[dict[str, object]] = []

    def model(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        use = {"command": "create", "path": "/memories/tea.txt", "file_text": "Priya drinks tea"}
        wanted = {"type": "tool_use", "id": "toolu_1", "name": "memory", "input": use}
        content = [wanted] if len(asked) == 1 else [{"type": "text", "text": "done"}]
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": content,
            "stop_reason": "tool_use" if len(asked) == 1 else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        return httpx.Response(200, json=message)

    anthropic = Anthropic(api_key="none", http_client=DefaultHttpxClient(transport=httpx.MockTransport(model)))
    messages = [{"role": "user", "content": "Remember that I drink tea"}]
    anthropic.beta.messages.tool_runner(model="claude", max_tokens=9, messages=messages, tools=[tool]).until_done()
    return str(asked[-1]["messages"][-1]["content"])


async def awaited() -> object:
    """Use the asynchronous tool."""
    async with AsyncClient(URL, user=USER) as client:
        tool = NinaiAsyncMemoryTool(client)
        await tool.call({"command": "insert", "path": "/memories/tea.txt", "insert_line": 1, "insert_text": "black"})
        return await tool.call({"command": "view", "path": "/memories/tea.txt"})


def main() -> None:
    """Make the calls, and print one object."""
    tool = NinaiMemoryTool(Client(URL, user=USER))
    said = commands(tool)
    said["runner"] = with_runner(tool)
    said["async"] = asyncio.run(awaited())
    json.dump(said, sys.stdout)


main()
