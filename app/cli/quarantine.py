"""`ninai quarantine`: hide what a key wrote in a running service, show what is hidden, and lift that."""

from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import click

from app.cli import options
from app.cli.key_times import PAST_MOMENT
from app.cli.service_options import of_service, service_at
from app.cli.tables import show, table
from app.http.operator_schemas import QuarantinedMemory, QuarantinedResponse, QuarantinesResponse
from providers.owners import Owner
from providers.provenance.quarantines import Quarantine

PATH = "/admin/quarantines"
_SECONDS = 60.0  # of a page of what is hidden, for which up to 20 users are looked through


@click.group()
def quarantine() -> None:
    """Hide what a key wrote, show what is hidden, and lift that."""


@quarantine.command()
@click.option("--key", help="The name of the key.")
@click.option("--caller", help="Instead of a key the id of a caller, as that of a token.")
@click.option("--since", type=PAST_MOMENT, required=True, help="From when on: 2027-01-31T08:00Z, or 2h ago.")
@click.option("--until", type=PAST_MOMENT, help="Before this moment; without it also what is written from now on.")
@click.option("--user", help="Only this user's memories.")
@click.option("--tenant", help="The tenant of that user.")
@click.option("--reason", default="", help="Why, for other operators.")
@of_service
@options.as_json
def add(url: str, key_file: Path | None, *, as_json: bool, **wanted: str | datetime | None) -> None:
    """Hide all memories whose newest state a key wrote, from all readers at once; the stores keep them."""
    body = {name: value for name, value in wanted.items() if value is not None}
    told = service_at(url, key_file).ask("POST", PATH, Quarantine, json=body).value
    show(told, lambda one: f"{one.id}  {_in_words(one)}", as_json=as_json)


@quarantine.command("list")
@of_service
@options.as_json
def list_(url: str, key_file: Path | None, *, as_json: bool) -> None:
    """List the quarantines in force, and those that were lifted in the last 30 days."""
    show(service_at(url, key_file).get(PATH, QuarantinesResponse), _listed, as_json=as_json)


@quarantine.command("show")
@click.argument("quarantine_id", metavar="ID")
@of_service
@options.as_json
def show_memories(url: str, key_file: Path | None, quarantine_id: str, *, as_json: bool) -> None:
    """List the memories in a quarantine, without their texts."""
    service, found = service_at(url, key_file), list[QuarantinedMemory]()
    path = f"{PATH}/{quote(quarantine_id, safe='')}/memories"
    after: str | None = ""
    while after is not None:
        page = service.get(path + after, QuarantinedResponse, seconds=_SECONDS)
        found += page.memories
        after = None if page.next_after is None else f"?after={quote(page.next_after, safe='')}"
    show(found, _memories, as_json=as_json)


@quarantine.command()
@click.argument("quarantine_id", metavar="ID")
@of_service
@options.as_json
def lift(url: str, key_file: Path | None, quarantine_id: str, *, as_json: bool) -> None:
    """Show again what a quarantine has hidden, as it was."""
    path = f"{PATH}/{quote(quarantine_id, safe='')}"
    show(service_at(url, key_file).ask("DELETE", path, Quarantine).value, _in_words, as_json=as_json)


def _in_words(one: Quarantine) -> str:
    writer = f"the key {one.key}" if one.caller is None else f"the caller {one.caller}"
    until = "" if one.until is None else f" and before {_moment(one.until)}"
    user = "" if one.user is None else f" for {one.user}"
    state = "hidden" if one.lifted_at is None else f"shown again, as {one.lifted_by} lifted it {_moment(one.lifted_at)}"
    return f"what {writer} wrote since {_moment(one.since)}{until}{user} is {state}"


def _listed(told: QuarantinesResponse) -> str:
    if not told.quarantines:
        return "nothing is in quarantine"
    rows = [
        (
            one.id,
            one.key or one.caller or "",
            _moment(one.since),
            "" if one.until is None else _moment(one.until),
            one.user or "everybody",
            one.set_by,
            "in force" if one.lifted_at is None else "lifted",
            one.reason,
        )
        for one in told.quarantines
    ]
    return table(("id", "written by", "since", "until", "users", "set by", "state", "reason"), rows)


def _memories(found: list[QuarantinedMemory]) -> str:
    if not found:
        return "no memory is in this quarantine"
    rows = [
        (
            one.memory_id,
            Owner(one.user_id, one.tenant).label,
            one.source.origin if one.source else "",
            _moment(one.source.at) if one.source and one.source.at else "",
        )
        for one in found
    ]
    return table(("memory", "user", "origin", "written"), rows)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
