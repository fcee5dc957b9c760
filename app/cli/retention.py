"""`ninai retention plan`: what the rules of retention would erase."""

from pathlib import Path
from urllib.parse import urlencode

import click

from app.cli import options
from app.cli.service_client import RunningService
from app.cli.service_options import of_service, service_at
from app.cli.tables import show, table
from providers.chain.expiring.planning import RetentionPlan, RulePlan, oldest_of

_PATH = "/admin/retention/plan"
_PAGE_SECONDS = 60.0  # for the answer to one page: the user that it ends with may have many memories


@click.group()
def retention() -> None:
    """Show what the rules of retention do."""


@retention.command()
@of_service
@options.as_json
def plan(url: str, key_file: Path | None, *, as_json: bool) -> None:
    """Show what the rules of a running service would erase now: counts and the oldest memories, never texts.

    Rules are shown whether they apply or not: write them down, look at the plan, then set retention.apply = true.
    """
    show(_planned(service_at(url, key_file)), _in_words, as_json=as_json)


def _planned(service: RunningService) -> RetentionPlan:
    """Return the whole plan, gathered page by page."""
    whole = page = service.get(_PATH, RetentionPlan, seconds=_PAGE_SECONDS)
    while page.next_after is not None:
        page = service.get(f"{_PATH}?{urlencode({'after': page.next_after})}", RetentionPlan, seconds=_PAGE_SECONDS)
        before = {rule.name: rule for rule in whole.rules}
        rules = [_together(before[rule.name], rule) if rule.name in before else rule for rule in page.rules]
        whole = RetentionPlan(moment=whole.moment, apply=page.apply, rules=rules, next_after=page.next_after)
    return whole


def _together(one: RulePlan, other: RulePlan) -> RulePlan:
    return RulePlan(
        name=other.name,
        keep_days=other.keep_days,
        due=one.due + other.due,
        users=one.users + other.users,
        oldest=oldest_of([*one.oldest, *other.oldest]),
    )


def _in_words(plan: RetentionPlan) -> str:
    if not plan.rules:
        return "there are no rules of retention"
    rules = [(rule.name, rule.keep_days, rule.due, rule.users) for rule in plan.rules]
    memories = [
        (rule.name, one.created_at.isoformat(timespec="seconds"), one.tenant or "", one.user_id, one.memory_id)
        for rule in plan.rules
        for one in rule.oldest
    ]
    said = "the next sweep erases what is due" if plan.apply else "nothing is erased: retention.apply is false"
    parts = [table(("rule", "keep days", "due", "users"), rules), said]
    if memories:
        parts.append(table(("rule", "created", "tenant", "user", "memory"), memories))
    return "\n\n".join(parts)
