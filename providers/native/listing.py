"""The statements of lists: the memories of one owner that meet conditions, page by page, and how many they are."""

from providers.answer_size import may_exceed
from providers.native.bounded_answers import bounded_page
from providers.native.columns import RECORD, names
from providers.native.conditions_sql import conditions_sql
from providers.native.containment import contained_in
from providers.native.filter_sql import Bind, json_of
from providers.native.wall import within
from providers.owners import Owner
from providers.positions import Order, Position
from providers.postgres.bound_sql import Binding, BoundSql
from providers.types import ALL, Conditions, PageQuery

_ORDERS = {
    "newest": "created_at DESC, first_version DESC, id DESC",
    "oldest": "created_at, first_version, id",
}


def page_statement(query: PageQuery, *, walled: bool = False) -> BoundSql:
    """Return the statement of a page; one that may exceed its bound in bytes tells in `found` how many there are.

    It is for a role that row-level security holds if it is `walled`: that evaluates policies before `@>`, so that no
    index is found by it, and it would only make the planner expect too few memories and read all of them.
    """
    binding = Binding()
    bind = binding.bind
    order = _ORDERS[query.order]
    indexed = not walled and _has_rare_values(query)
    eligible = _eligible(query.owner, query, bind, indexed=indexed)
    if query.after is not None:
        eligible += f" AND {_behind(query.after, query.order, bind)}"
    page = f"""
    SELECT {names(RECORD)} FROM ninai_memories WHERE {eligible}
    ORDER BY {order} LIMIT {bind(query.limit, "int")} OFFSET {bind(query.offset, "int")}
    """  # noqa: S608 - joined from fixed fragments; every value is bound
    if may_exceed(query.limit, query.most_bytes):
        page = bounded_page(page, order, bind(query.most_bytes, "bigint"))
    return binding.of(page, planned_by_values=indexed)


def count_statement(owner: Owner, conditions: Conditions, *, walled: bool = False) -> BoundSql:
    """Return the statement that counts an owner's memories that meet conditions, as `total`; `walled` as of a page."""
    binding = Binding()
    if conditions.now is None or conditions.conditional:
        indexed = not walled and _has_rare_values(conditions)
        eligible = _eligible(owner, conditions, binding.bind, indexed=indexed)
        counted = f"SELECT count(*) AS total FROM ninai_memories WHERE {eligible}"  # noqa: S608 - as above
        return binding.of(counted, planned_by_values=indexed)
    # Indexes alone tell how many there are, and how few of these have expired; rows tell both, and take much longer.
    living = _eligible(owner, ALL, binding.bind, indexed=False)
    gone = f"{living} AND expires_at <= {binding.bind(conditions.now, 'timestamptz')}"
    return binding.of(f"""
        SELECT (SELECT count(*) FROM ninai_memories WHERE {living})
            - (SELECT count(*) FROM ninai_memories WHERE {gone}) AS total
    """)  # noqa: S608 - as above


def _eligible(owner: Owner, conditions: Conditions, bind: Bind, *, indexed: bool) -> str:
    named = within(bind(owner.tenant, "text"))
    living = f"{named} AND user_id = {bind(owner.key, 'text')} AND deleted_at IS NULL"
    contained = contained_in(conditions.where) if indexed else []
    led_to = [f"metadata @> {bind(json_of(one), 'jsonb')}" for one in contained]
    return " AND ".join([living, *led_to, *conditions_sql(conditions, bind)])


def _has_rare_values(conditions: Conditions) -> bool:
    """Return whether the index on metadata can be used: it is good for few memories, and bad for many."""
    return bool(contained_in(conditions.where))


def _behind(position: Position, order: Order, bind: Bind) -> str:
    created_at, memory_id = bind(position.created_at, "timestamptz"), bind(position.memory_id, "uuid")
    if position.first_version is None:
        return f"created_at <= {created_at} AND (created_at, id) < ({created_at}, {memory_id})"
    place = f"({created_at}, {bind(position.first_version, 'bigint')}, {memory_id})"
    return f"(created_at, first_version, id) {'<' if order == 'newest' else '>'} {place}"
