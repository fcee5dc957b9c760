"""The check of whether the service could serve with its settings, before it starts.

Made in a child process: what is opened for it leaves no thread and no connection behind, which the forked workers
would inherit.
"""

import multiprocessing
from multiprocessing.connection import Connection

import click

from app.cli.loading import ConfigProblem
from app.settings import Settings
from providers.errors import Misconfigured


def rehearse(settings: Settings) -> None:
    """Check whether the order can be put in force.

    Raises:
        ConfigProblem: it cannot, and no worker could serve before an operator has acted.
        click.ClickException: it cannot now.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(settings, sender), name="rehearsal")
    child.start()
    sender.close()
    try:
        problem: click.ClickException | None = receiver.recv()
    except EOFError:
        problem = None  # it failed in another way, which the workers will report better
    child.join()
    if problem is not None:
        raise problem


def _answer(settings: Settings, answer: Connection) -> None:
    from app.process.parent_death import end_with_parent
    from app.process.rehearsal import order_error

    end_with_parent()
    error = order_error(settings)
    # Its exit code says whether a restart may help: a disk that is full may have room then.
    kind = ConfigProblem if isinstance(error, Misconfigured) else click.ClickException
    answer.send(None if error is None else kind(error.reason))
