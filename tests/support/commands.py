"""Command lines that a page shows, compared with the command line that the product has."""

import re
import shlex

import click

from app.cli import main

_INLINE = re.compile(r"`(ninai [^`]+)`")
_TYPED = re.compile(r"^[$#] ((?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
_NINAI = re.compile(r"^(?:(?:\w+=\S* )*|.*bin/|docker run --rm )(ninai .*)$", re.DOTALL)


def typed(text: str) -> list[str]:
    """Return what a page shows behind a prompt, one text for each command, however many lines it has."""
    return [command.replace("\\\n", " ") for command in _TYPED.findall(text)]


def of_ninai(text: str) -> list[str]:
    """Return every `ninai ...`, behind a prompt or within a sentence."""
    behind_prompts = [part for command in typed(text) for part in re.split(r"&&|;", command)]
    return [found[1] for part in behind_prompts if (found := _NINAI.match(part.strip()))] + _INLINE.findall(text)


def refused(line: str) -> str | None:
    """Return the first subcommand or option that the product does not have, or None if it has them all."""
    command: click.Command = main
    words = iter(shlex.split(line.removesuffix("..."), comments=True)[1:])
    for word in words:
        if word.startswith("-"):
            option = _option(command, word)
            if option is None:
                return word
            if isinstance(option, click.Option) and not option.is_flag:
                next(words, None)
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return word
            command = found
    return None


def _option(command: click.Command, word: str) -> click.Parameter | None:
    parameters = command.get_params(click.Context(command))
    return next((parameter for parameter in parameters if word in parameter.opts), None)
