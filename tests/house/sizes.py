"""How long the product, its files and its functions are, in lines."""

import ast
import tokenize
from pathlib import Path
from statistics import median

from tests.house.table import Row
from tests.house.tree import Definition, Tree, lines_of

WANTED_LINES = 250
MOST_LINES = 300
MOST_BODY_LINES = 40
_NO_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


def files_over(tree: Tree, lines: int) -> list[str]:
    """Return the files of the product that have more lines than this, with their lengths."""
    return [_with_lines(tree, path) for path in tree.product() if lines_of(path) > lines]


def code_lines(tree: Tree, path: Path) -> int:
    """Return the number of lines of a file that hold code: no docstring, no comment, nothing blank."""
    documented = {
        line
        for node in tree.statements(path)
        if isinstance(node, ast.Module | ast.ClassDef | Definition) and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    with path.open() as text:
        tokens = [token for token in tokenize.generate_tokens(text.readline) if token.type not in _NO_CODE]
    held = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(held - documented)


def function_lines(tree: Tree) -> list[int]:
    """Return the length of every function, from its `def` to its last line."""
    return [
        (function.end_lineno or 0) - function.lineno + 1 for path in tree.product() for function in tree.functions(path)
    ]


def long_bodies(tree: Tree, lines: int = MOST_BODY_LINES) -> list[str]:
    """Return the functions whose body has more lines than this; the docstring does not count."""
    return [
        f"{tree.name(path)}: {function.name}, {body_lines(function)}"
        for path in tree.product()
        for function in tree.functions(path)
        if body_lines(function) > lines
    ]


def body_lines(function: Definition) -> int:
    """Return how many lines a function has from the first statement after its docstring on."""
    statements = function.body[ast.get_docstring(function) is not None :]
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def rows(tree: Tree) -> list[Row]:
    """Return the rows of this measure."""
    files, functions = tree.product(), function_lines(tree)
    longest = max(files, key=lines_of)
    over, wanted, bodies = files_over(tree, MOST_LINES), files_over(tree, WANTED_LINES), long_bodies(tree)
    return [
        Row(measure="Python files of the product", value=len(files)),
        Row(measure="lines of them", value=sum(map(lines_of, files))),
        Row(measure="lines of code among them", value=sum(code_lines(tree, path) for path in files)),
        Row(measure="longest file", value=lines_of(longest), aim=f"<= {MOST_LINES}", places=(tree.name(longest),)),
        Row(measure=f"files over {MOST_LINES} lines", value=len(over), aim="0", places=tuple(over)),
        Row(measure=f"files over {WANTED_LINES} lines", value=len(wanted), places=tuple(wanted)),
        Row(measure="functions", value=len(functions)),
        Row(measure="lines of the median function", value=median(functions), aim="<= 8"),
        Row(measure=f"function bodies over {MOST_BODY_LINES} lines", value=len(bodies), places=tuple(bodies)),
    ]


def _with_lines(tree: Tree, path: Path) -> str:
    return f"{tree.name(path)}, {lines_of(path)}"
