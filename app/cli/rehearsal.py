"""The rehearsal of a start: whether the service could serve with its settings.

Asked in a process of its own: what is opened for it leaves no thread and no connection behind, which the workers, who
are forked, would inherit.
"""

import multiprocessing
from multiprocessing.connection import Connection

import click

from app.cli.loading import ConfigProblem
from app.settings import Settings
from app.settings.journaling import always_journalled
from providers.errors import Misconfigured, Unavailable


def rehearse(settings: Settings) -> None:
    """Look whether the order can be put in force; a single provider without a journal has nothing to be asked about.

    Raises:
        ConfigProblem: it cannot, and no worker could serve before an operator has acted.
        click.ClickException: it cannot now.
    """
    if len(settings.order) == 1 and not always_journalled(settings):
        return
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(settings, sender), name="rehearsal")
    child.start()
    sender.close()
    try:
        problem: click.ClickException | None = receiver.recv()
    except EOFError:
        problem = None  # it failed in a way of its own, which the workers will tell better
    child.join()
    if problem is not None:
        raise problem


def _answer(settings: Settings, answer: Connection) -> None:
    from app.process.parent_death import end_with_parent
    from app.process.rehearsal import order_error

    end_with_parent()
    error = order_error(settings)
    answer.send(None if error is None else _problem_of(error))


def _problem_of(error: Unavailable) -> click.ClickException:
    """Choose the exit code by whether a restart may help: a disk that is full now may have room then."""
    kind = ConfigProblem if isinstance(error, Misconfigured) else click.ClickException
    return kind(error.reason)
