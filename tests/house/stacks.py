"""The stack between a handler and the provider it reaches, taken from the running program."""

import asyncio
import sys
from asyncio import AbstractEventLoop, Task
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from inspect import CO_COROUTINE, currentframe
from itertools import dropwhile
from types import CodeType, FrameType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from msgspec import Struct

HANDLERS = "/app/controllers/"
PROVIDER = "MockMemoryProvider"
_ASYNCIO = asyncio.__file__.removesuffix("__init__.py")

Answer = TypeVar("Answer")
Work = Coroutine[Any, Any, Answer] | Generator[Any, None, Answer]
Stack = tuple[CodeType, ...]


class Descent(Struct, frozen=True, kw_only=True):
    """The stack in which a task was made, from the handler on, and the number of tasks made on the way to it."""

    stack: Stack = ()
    tasks: int = 0


_ELSEWHERE = Descent()  # not below a handler


class Probe:
    """Watch every call of this thread, and keep the first stack from a handler to a method of the provider.

    `handlers` is a part of the path of every file with handlers, `provider` the name of the class that stores. A method
    of the provider is a public coroutine method called on an instance of that class, also one that it inherits. A task
    that is made below a handler continues the stack of its maker, without asyncio's own functions that make it.
    """

    def __init__(self, handlers: str = HANDLERS, provider: str = PROVIDER) -> None:
        self._handlers = handlers
        self._provider = provider
        self._descents = WeakKeyDictionary[Task[Any], Descent]()
        self.stack: Stack = ()
        self.tasks = 0

    @contextmanager
    def watching(self) -> Iterator["Probe"]:
        """Watch this thread and the tasks of its running loop."""
        loop = asyncio.get_running_loop()
        factory, profile = loop.get_task_factory(), sys.getprofile()
        loop.set_task_factory(self._make_task)
        sys.setprofile(self._see)
        try:
            yield self
        finally:
            sys.setprofile(profile)
            loop.set_task_factory(factory)

    def _see(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and not self.stack and self._is_method_of_provider(frame):
            self.stack = self._from_handler(frame)
            self.tasks = self._descent().tasks if self.stack else 0

    def _make_task(self, loop: AbstractEventLoop, work: Work[Answer], **rest: Any) -> Task[Answer]:  # noqa: ANN401 - what a loop passes on
        task = Task(work, loop=loop, **rest)
        stack = self._from_handler(currentframe())[:-1]  # without this function
        if stack:
            self._descents[task] = Descent(stack=_without_makers(stack), tasks=self._descent().tasks + 1)
        return task

    def _from_handler(self, frame: FrameType | None) -> Stack:
        """Return the stack from the outermost handler to a frame, both included; empty if there is no handler."""
        whole = (*self._descent().stack, *reversed(list(_outwards(frame))))
        return tuple(dropwhile(lambda code: self._handlers not in code.co_filename, whole))

    def _descent(self) -> Descent:
        task = asyncio.current_task()
        return _ELSEWHERE if task is None else self._descents.get(task, _ELSEWHERE)

    def _is_method_of_provider(self, frame: FrameType) -> bool:
        code = frame.f_code
        if code.co_name.startswith("_") or not code.co_flags & CO_COROUTINE or code.co_varnames[:1] != ("self",):
            return False
        return self._provider in {base.__name__ for base in type(frame.f_locals["self"]).__mro__}


def _outwards(frame: FrameType | None) -> Iterator[CodeType]:
    """Yield the frames from the innermost to the first one of the task, below which is the loop."""
    while frame is not None and not _is_loop(frame.f_code):
        yield frame.f_code
        frame = frame.f_back


def _is_loop(code: CodeType) -> bool:
    return code.co_filename.startswith(_ASYNCIO) and code.co_qualname == "Handle._run"


def _without_makers(stack: Stack) -> Stack:
    """Return a stack without the functions of asyncio at its end that make a task, and return at once."""
    while stack and stack[-1].co_filename.startswith(_ASYNCIO) and not stack[-1].co_flags & CO_COROUTINE:
        stack = stack[:-1]
    return stack
