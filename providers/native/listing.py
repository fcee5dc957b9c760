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
from providers.source import ASKED
from providers.types import ALL, Conditions, PageQuery

# What no index of a list helps with: on the way along it, each memory is tested for that.
_TESTED = {"where", "without", "hidden", *ASKED}
_ORDERS = {
    "newest": "created_at DESC, first_version DESC, id DESC",
    "oldest": "created_at, first_version, id",
}


def is_indexed(query: PageQuery) -> bool:
    """Return whether an index on metadata can lead to the memories of a page."""
    return bool(contained_in(query.where))


def page_statement(query: PageQuery, *, leads: bool = True) -> BoundSql:
    """Return the statement of a page; one that may exceed its bound in bytes tells in `found` how many there are.

    Behind row-level security an index on metadata `leads` to memories only where `@>` is marked as leakproof. Elsewhere
    `@>` would only make the planner expect too few memories and read all of them.
    """
    binding = Binding()
    indexed = is_indexed(query) and leads
    eligible = _on_page(query, query, binding.bind, indexed=indexed)
    # What the index finds is sorted: without the fence the planner would rather walk along the list, and hope. Where a
    # key is sought it does so as long as it has no statistics, through all memories of an owner.
    fenced = indexed or query.key is not None
    fence = " OFFSET 0" if fenced else ""
    page = f"SELECT {names(RECORD)} FROM ninai_memories WHERE {eligible}{fence}"  # noqa: S608 - joined from fixed fragments
    if fenced:
        page = f"SELECT {names(RECORD)} FROM ({page}) AS eligible"  # noqa: S608 - as above
    return binding.of(_cut(page, query, binding.bind), planned_by_values=indexed)


def walk_statement(query: PageQuery, most: int) -> BoundSql:
    """Return the statement of a page that looks at no more than `most` memories along the list.

    Each row tells in `met` how many rows there are, and in `walked` at how many memories it has looked.
    """
    binding = Binding()
    bind = binding.bind
    conditions = {name: getattr(query, name) for name in Conditions.__struct_fields__}
    walked = Conditions(**{name: value for name, value in conditions.items() if name not in _TESTED})
    tested = Conditions(**{name: value for name, value in conditions.items() if name in _TESTED})
    along = f"FROM ninai_memories WHERE {_on_page(query, walked, bind, indexed=False)}"
    list_ = f"SELECT {names(RECORD)} {along} ORDER BY {_ORDERS[query.order]} LIMIT {most}"
    # Containment is tested first: it costs a tenth of what looking through the elements of a list does.
    tests = [*_led_to(tested, bind), *conditions_sql(tested, bind)]
    met = _cut(
        f"SELECT {names(RECORD)} FROM ({list_}) AS walked WHERE {' AND '.join(tests)}",  # noqa: S608 - as above
        query,
        bind,
        counted=True,
    )
    count = f"SELECT count(*) FROM (SELECT {along} LIMIT {most}) AS walked"  # noqa: S608 - as above
    return binding.of(f"SELECT *, ({count}) AS walked FROM ({met}) AS page ORDER BY {_ORDERS[query.order]}")  # noqa: S608 - as above


def count_statement(owner: Owner, conditions: Conditions, *, leads: bool = True) -> BoundSql:
    """Return the statement that counts an owner's memories that meet conditions, as `total`; `leads` as of a page."""
    binding = Binding()
    if conditions.now is None or conditions.conditional:
        indexed = leads and bool(contained_in(conditions.where))
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


def _cut(page: str, query: PageQuery, bind: Bind, *, counted: bool = False) -> str:
    """Return the statement for the rows of a page out of all that belong on it; `counted` as `met` if asked for."""
    order, limit, offset = _ORDERS[query.order], bind(query.limit, "int"), bind(query.offset, "int")
    page = f"{page} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    if may_exceed(query.limit, query.most_bytes):
        page = bounded_page(page, order, bind(query.most_bytes, "bigint"))
        return f"SELECT *, found AS met FROM ({page}) AS page" if counted else page  # noqa: S608 - as above
    return f"SELECT *, count(*) OVER () AS met FROM ({page}) AS page" if counted else page  # noqa: S608 - as above


def _on_page(query: PageQuery, conditions: Conditions, bind: Bind, *, indexed: bool) -> str:
    eligible = _eligible(query.owner, conditions, bind, indexed=indexed)
    return eligible if query.after is None else f"{eligible} AND {_behind(query.after, query.order, bind)}"


def _eligible(owner: Owner, conditions: Conditions, bind: Bind, *, indexed: bool) -> str:
    named = within(bind(owner.tenant, "text"))
    living = f"{named} AND user_id = {bind(owner.key, 'text')} AND deleted_at IS NULL"
    led_to = _led_to(conditions, bind) if indexed else []
    return " AND ".join([living, *led_to, *conditions_sql(conditions, bind)])


def _led_to(conditions: Conditions, bind: Bind) -> list[str]:
    return [f"metadata @> {bind(json_of(one), 'jsonb')}" for one in contained_in(conditions.where)]


def _behind(position: Position, order: Order, bind: Bind) -> str:
    created_at, memory_id = bind(position.created_at, "timestamptz"), bind(position.memory_id, "uuid")
    if position.first_version is None:
        return f"created_at <= {created_at} AND (created_at, id) < ({created_at}, {memory_id})"
    place = f"({created_at}, {bind(position.first_version, 'bigint')}, {memory_id})"
    return f"(created_at, first_version, id) {'<' if order == 'newest' else '>'} {place}"
