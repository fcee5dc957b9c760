"""`ninai remember`: store a memory."""

import sys

import click
from msgspec import Struct

from app.cli import options
from app.cli.memories.caller import CallerOfService
from app.cli.memories.options import JsonObject, as_caller, given, labels
from app.cli.tables import show
from providers.source import CALLER_ORIGINS


class _Remembered(Struct, frozen=True):
    memory_id: str
    status: str


@click.command()
@click.argument("content")
@labels
@click.option("--metadata", type=JsonObject(), help='Fields to filter by: \'{"topic": "travel"}\'.')
@click.option("--origin", type=click.Choice(CALLER_ORIGINS), help="What the text comes from; by default the user.")
@click.option("--created-at", metavar="MOMENT", help="When it happened, as 2026-03-01T09:30:00Z; by default now.")
@click.option("--ttl", "ttl_seconds", type=int, metavar="SECONDS", help="How long it lives; by default as configured.")
@click.option("--sliding", is_flag=True, default=None, help="Whoever is given it gives it its --ttl again.")
@as_caller
@options.as_json
def remember(caller: CallerOfService, content: str, *, as_json: bool, **arguments: object) -> None:
    """Store a memory, and print its id.

    CONTENT is the text, or - to read it from standard input.
    """
    text = sys.stdin.read().strip() if content == "-" else content
    told = caller.ask("POST", "/memory/remember", _Remembered, {"content": text, **given(arguments)})
    show(told, _in_words, as_json=as_json)


def _in_words(told: _Remembered) -> str:
    if told.status == "accepted":
        return f"{told.memory_id}  (accepted: it is durable, and reaches the first provider later)"
    return told.memory_id
