"""The files of one checkout: those of the product, and those of its tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("app", "providers", "observability")
APART = ("app", "client")  # distributions of their own, which share neither code nor names with the service
Definition = ast.FunctionDef | ast.AsyncFunctionDef
_STATEMENTS = ("body", "orelse", "handlers", "finalbody", "cases")  # where a node holds statements


class Tree:
    """Read a checkout; every list is sorted by path, and every path in an answer is relative to the root."""

    def __init__(self, root: Path, packages: tuple[str, ...] = PACKAGES) -> None:
        self.root = root
        self.packages = packages
        self._parsed: dict[Path, ast.Module] = {}
        self._statements: dict[Path, list[ast.AST]] = {}

    def product(self, *suffixes: str) -> list[Path]:
        """Return the files of the product that have one of these suffixes; `.py` by default."""
        return [path for package in self.packages for path in self._below(package, suffixes or (".py",))]

    def tests(self) -> list[Path]:
        """Return the Python files of the tests."""
        return self._below("tests", (".py",))

    def name(self, path: Path) -> str:
        """Return the path from the root on."""
        return path.relative_to(self.root).as_posix()

    def module(self, path: Path) -> str:
        """Return the dotted name under which a file is imported."""
        return ".".join(path.relative_to(self.root).with_suffix("").parts).removesuffix(".__init__")

    def parsed(self, path: Path) -> ast.Module:
        """Return the syntax tree of a file, which is read once."""
        if path not in self._parsed:
            self._parsed[path] = ast.parse(path.read_text(), str(path))
        return self._parsed[path]

    def statements(self, path: Path) -> list[ast.AST]:
        """Return every statement of a file, nested ones included, in the order of `ast.walk`, without expressions."""
        if path not in self._statements:
            found: list[ast.AST] = [self.parsed(path)]
            for node in found:
                for name in _STATEMENTS:
                    inner = getattr(node, name, None)
                    if isinstance(inner, list):  # the body of a lambda is an expression
                        found.extend(inner)
            self._statements[path] = found
        return self._statements[path]

    def classes(self, path: Path) -> Iterator[ast.ClassDef]:
        """Yield every class of a file, nested ones included."""
        return (node for node in self.statements(path) if isinstance(node, ast.ClassDef))

    def functions(self, path: Path) -> Iterator[Definition]:
        """Yield every function of a file: methods, nested functions and coroutines included."""
        return (node for node in self.statements(path) if isinstance(node, Definition))

    def _below(self, folder: str, suffixes: tuple[str, ...]) -> list[Path]:
        return sorted(
            path
            for path in (self.root / folder).rglob("*")
            if path.suffix in suffixes and path.is_file() and path.relative_to(self.root).parts[: len(APART)] != APART
        )


def lines_of(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(path.read_text().splitlines())
