"""Whether the service could serve with its settings, asked before it begins.

Asked in a process of its own: what is opened for it leaves no thread and no connection behind, which the workers, who
are forked, would inherit.
"""

import multiprocessing
from multiprocessing.connection import Connection

from app.cli.loading import ConfigProblem
from app.settings import Settings
from app.settings.journaling import always_journalled


def rehearse(settings: Settings) -> None:
    """Look whether the order can be put in force; a single provider without a journal has nothing to be asked about.

    Raises:
        ConfigProblem: it cannot, and no worker could serve.
    """
    if len(settings.order) == 1 and not always_journalled(settings):
        return
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(settings, sender), name="rehearsal")
    child.start()
    sender.close()
    try:
        reason: str | None = receiver.recv()
    except EOFError:
        reason = None  # it failed in a way of its own, which the workers will tell better
    child.join()
    if reason is not None:
        raise ConfigProblem(reason)


def _answer(settings: Settings, answer: Connection) -> None:
    from app.lifeline import end_with_parent
    from app.rehearsal import reason_against

    end_with_parent()
    answer.send(reason_against(settings))
