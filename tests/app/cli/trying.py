"""Running `ninai providers test` in an environment of its own, and reading what it tells."""

import asyncio
import json
import os
from typing import Any

from click.testing import CliRunner, Result

from app.cli import main

CANARY = "canary-7Qx"
OPERATIONS = [
    "open",
    "health_check",
    "remember",
    "get",
    "recall",
    "list_memories",
    "update",
    "recall updated",
    "remember_many",
    "recall_many",
    "snapshot",
    "snapshots",
    "owners",
    "identity",
    "delete",
    "get deleted",
]


def ninai(*arguments: str, **environ: str) -> Result:
    """Run the command in an environment without any setting but these."""
    ours = [name for name in os.environ if name.startswith(("NINAI", "MEM", "OPENAI_"))]  # noqa: TID251 - to clear it
    nothing = dict.fromkeys([*ours, "DATABASE_URL", "EMBEDDING_MODEL"])
    return CliRunner().invoke(main, ["providers", *arguments], env={**nothing, "XDG_DATA_HOME": "/xdg", **environ})


async def tried(name: str, *options: str, **environ: str) -> Result:
    """Run the command beside this loop, in which the servers live that it asks."""
    return await asyncio.to_thread(ninai, "test", name, *options, **environ)


async def report(name: str, **environ: str) -> dict[str, Any]:
    """What the command tells programs."""
    told: dict[str, Any] = json.loads((await tried(name, "--json", **environ)).stdout)
    return told


def outcomes(told: dict[str, Any]) -> dict[str, str]:
    """How each operation ended."""
    return {step["operation"]: step["outcome"] for step in told["steps"]}
