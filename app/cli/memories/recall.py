"""`ninai recall`: find the memories that answer a question."""

import click
from msgspec import Struct

from app.cli import options
from app.cli.memories.caller import CallerOfService
from app.cli.memories.options import as_caller, conditions, given
from app.cli.memories.shown import memories_in_words
from app.cli.tables import show


class _Recalled(Struct, frozen=True):
    memories: list[dict[str, object]]
    count: int
    text: str = ""


@click.command()
@click.argument("query")
@click.option("--limit", type=int, help="How many memories at most; 10 by default.")
@click.option("--min-score", type=float, help="The least score, between 0 and 1.")
@click.option("--max-characters", type=int, help="A budget for all memories together.")
@click.option("--text", "as_text", is_flag=True, help="One text, ready for a prompt, instead of a table.")
@conditions
@as_caller
@options.as_json
def recall(caller: CallerOfService, query: str, *, as_text: bool, as_json: bool, **arguments: object) -> None:
    """Find the memories that answer QUERY, best first."""
    wanted = {"query": query, "format": "text" if as_text else "memories", **given(arguments)}
    told = caller.ask("POST", "/memory/recall", _Recalled, wanted)
    if as_text and not as_json:
        click.echo(told.text, nl=False)
        return
    show(told, lambda told: memories_in_words(told.memories), as_json=as_json)
