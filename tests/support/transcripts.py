"""What a page shows of a terminal: commands that are typed, and answers that are expected."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from tests.support.markdown import ROOT

_SECONDS = 120
_YES = "y\n"  # to a command that asks whether it may
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
# What differs from run to run, in an order in which a longer one comes before its parts.
_VARYING = (
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z| UTC|[+-]\d\d:\d\d)?",
    r"hmac-sha256:[0-9a-f.]+(?::[0-9a-f.]+)?|[0-9a-f]{32,}",
    r"(?<=[a-z-]_)[A-Za-z0-9]{43}_[A-Za-z0-9]{6}",
    r"\d+\.\d+",
)
_ID = re.compile(_VARYING[0])
_PART = re.compile("|".join(f"(?P<v{number}>{pattern})" for number, pattern in enumerate(_VARYING)) + r"|\.\.\.| +")


class Block(Struct, frozen=True):
    """A fenced block of a page, by the number of its line."""

    page: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """What a failure is told by."""
        return f"{self.page}:{self.line}"


class Step(Struct, frozen=True):
    """A command, and the lines that it is shown to answer; none if the page does not show them."""

    command: str
    expected: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """Return every fenced block of a page."""
    text, name = page.read_text("utf-8"), str(page.relative_to(ROOT))
    return [
        Block(name, text.count("\n", 0, found.start()) + 1, found["language"], found["text"])
        for found in _BLOCK.finditer(text)
    ]


def steps(text: str) -> Iterator[Step]:
    """Yield what is typed behind a prompt, with what is shown below it."""
    command, expected = "", list[str]()
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield Step(command, tuple(expected))
            command, expected = line[2:], []
        elif command.endswith("\\"):
            command += "\n" + line
        elif line.strip():
            expected.append(line)
    if command:
        yield Step(command, tuple(expected))


def agrees(expected: str, actual: str) -> bool:
    """Return whether a line is as the page shows it; ids, times and decimals may differ, three dots are anything."""
    pattern, at = "", 0
    for part in _PART.finditer(expected):
        pattern += re.escape(expected[at : part.start()]) + _pattern_for(part)
        at = part.end()
    return re.fullmatch(pattern + re.escape(expected[at:]), actual.rstrip()) is not None


def _pattern_for(part: re.Match[str]) -> str:
    if part[0] == "...":
        return ".*"
    if part.lastgroup is None:
        return r"\s+"
    return (
        r"\d+(?:\.\d+)?(?:e-\d+)?"
        if part.lastgroup == f"v{len(_VARYING) - 1}"
        else f"(?:{_VARYING[int(part.lastgroup[1:])]})"
    )


def missing(expected: tuple[str, ...], actual: str) -> list[str]:
    """Return the expected lines that an answer does not have, in their order; it may have others between them."""
    return [line for line, found in _pairs(expected, actual) if found is None]


def _pairs(expected: tuple[str, ...], actual: str) -> Iterator[tuple[str, str | None]]:
    lines = iter(actual.splitlines())
    for line in expected:
        yield line, next((one for one in lines if agrees(line, one)), None)


class Shell:
    """A terminal in a folder, in which what a page says is typed with other addresses and folders.

    An id that an answer has in place of the page's is typed from then on, as a reader does it.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.replaced: dict[str, str] = {}

    def typed(self, command: str) -> str:
        """Return a command as it is typed here."""
        for shown, here in self.replaced.items():
            command = command.replace(shown, here)
        return command

    def run(self, command: str) -> str:
        """Run a command to its end, and return what it says; variables that it exports stay."""
        script = f"{self.typed(command)}\nstatus=$?\nexport -p > {self.folder}/exported\nexit $status"
        ended = subprocess.run(  # noqa: S603 - what our own pages show
            ["/bin/bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            input=_YES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        exported = re.findall(r'^declare -x (\w+)="(.*)"$', (self.folder / "exported").read_text("utf-8"), re.MULTILINE)
        self.environment |= {name: value for name, value in exported if name not in {"PWD", "OLDPWD", "SHLVL"}}
        said = ended.stdout.replace("\r", "")
        assert ended.returncode == 0, f"{command}\n{said}"
        return said

    def follow(self, block: Block) -> None:
        """Run every command of a block, and compare what each says with the page."""
        for step in steps(block.text):
            said = self.run(step.command)
            expected = tuple(self.typed(line) for line in step.expected)
            assert missing(expected, said) == [], f"{block.name}: {step.command}\n{said}"
            for line, found in _pairs(expected, said):
                self._take_ids(_ID.findall(line), _ID.findall(found or ""))

    def _take_ids(self, of_page: list[str], of_answer: list[str]) -> None:
        if len(of_page) == len(of_answer):  # and none behind three dots
            self.replaced |= dict(zip(of_page, of_answer, strict=True))
