"""The reference of all settings, from the structs that a configuration is decoded into."""

from collections.abc import Iterator, Sequence
from typing import get_type_hints

from msgspec import Struct, structs

from app.settings import Settings, annotations
from app.settings.environment import PREFIX
from app.settings.specvars import SHORT_NAMES
from deploy.guide.reference.docstrings import about, field_docstrings
from deploy.guide.reference.values import default_of, is_table, tables_by_name, values_of

# A name of the reader's choice.
NAME = "NAME"
_PROVIDERS = ("providers", NAME)

Path = tuple[str, ...]


class UnexplainedSetting(Exception):
    """Signal a setting that has no docstring."""


class Setting(Struct, frozen=True):
    """Describe one setting; `values` are those that it takes, `meaning` ends with when to change it."""

    path: Path
    values: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return PREFIX + "__".join(self.path).upper()


class Table(Struct, frozen=True):
    """Describe one table; `alike` are the paths of others with the same settings and defaults."""

    path: Path
    kind: str | None
    about: str
    settings: tuple[Setting, ...]
    alike: tuple[Path, ...] = ()


def tables() -> list[Table]:
    """Return every table with its settings, in the order of the structs."""
    found: list[Table] = []
    for table in _tables(Settings, ()):
        twin = next((at for at, one in enumerate(found) if _are_alike(one, table)), None)
        if twin is None:
            found.append(table)
        else:
            found[twin] = structs.replace(found[twin], alike=(*found[twin].alike, table.path))
    return [table for table in found if table.settings or table.kind]


def _are_alike(one: Table, other: Table) -> bool:
    return (
        one.path[:-1] == other.path[:-1]
        and bool(one.settings)
        and [(setting.path[-1], setting.default, setting.meaning) for setting in one.settings]
        == [(setting.path[-1], setting.default, setting.meaning) for setting in other.settings]
    )


def _tables(table: type[Struct], path: Path) -> Iterator[Table]:
    hints = get_type_hints(table, include_extras=True)
    tag = annotations.tag_of(table)
    fields = [field for field in structs.fields(table) if not _holds_tables(hints[field.name])]
    settings = tuple(_setting(table, field, hints[field.name], path) for field in fields)
    yield Table(path, None if tag is None else str(tag), about(table), settings)
    for field in structs.fields(table):
        for named, below in _below(hints[field.name]):
            here = (*path, field.name, NAME) if named else (*path, field.name)
            kinds = (*here[:-1], str(annotations.tag_of(below))) if here == _PROVIDERS else here
            yield from _tables(below, kinds)


def _below(annotation: object) -> Iterator[tuple[bool, type[Struct]]]:
    yield from ((False, table) for table in (annotations.tables(annotation) if is_table(annotation) else ()))
    yield from ((True, table) for table in tables_by_name(annotation))


def _holds_tables(annotation: object) -> bool:
    return is_table(annotation) or bool(tables_by_name(annotation))


def _setting(table: type[Struct], field: structs.FieldInfo, annotation: object, path: Path) -> Setting:
    item = annotations.item_of(annotation, dict)
    here = (*path, field.name) if item is None else (*path, field.name, NAME)
    meaning = field_docstrings(table).get(field.name)
    if meaning is None:
        raise UnexplainedSetting(f"{table.__name__}.{field.name} has no docstring after it")
    default = "not set" if item is not None else default_of(field)
    return Setting(here, values_of(annotation if item is None else item), default, meaning)


_HEAD = """# Settings

Every setting, with the values that it takes, its default, the variable of the environment that sets it, what it means
and when to change it. [Configuration](configuration.md) says where settings come from and how they are checked.
`NAME` is a name of your choice. A variable whose name has `_FILE` at its end names a file that holds the value.

This page is made from the code by `make reference`.
"""


def settings_page() -> str:
    """Return the page."""
    return _HEAD + "".join(_section(table) for table in tables())


def _section(table: Table) -> str:
    name = ".".join(table.path)
    title = f"`[{name}]`" if name else "The service"
    kind = f' with `kind = "{table.kind}"`' if table.kind else ""
    alike = "".join(f", `[{'.'.join(path)}]`" for path in table.alike)
    chosen = f"\n- variable: `{PREFIX}{'__'.join((*table.path, 'kind')).upper()}={table.kind}`\n" if table.kind else ""
    return f"\n## {title}{alike}{kind}\n\n{table.about}\n{chosen}" + "".join(_paragraphs(table.settings))


def _paragraphs(settings: Sequence[Setting]) -> Iterator[str]:
    for setting in settings:
        short = SHORT_NAMES.get(setting.path)
        variables = f"`{setting.variable}`" + (f" or `{short}`" if short else "")
        yield f"\n### `{'.'.join(setting.path)}`\n\n{setting.meaning}\n\n"
        yield f"- takes {setting.values}\n- default: {setting.default}\n- variable: {variables}\n"
