"""What the answers of a provider say of themselves, as a request's notes hold it."""

from observability import notes
from observability.notes import Notes
from providers.answers import Answer, Written
from providers.base import MemoryProvider
from providers.errors import ProviderError
from providers.wrapper import Call, OperationName, Result, Wrapper


class Told(Notes, eq=False):
    """The notes of one request; `accepted` is whether a write of it was not confirmed."""

    accepted: bool = False

    def learn(self, answer: Answer) -> None:
        """Add what one answer says of itself."""
        degraded = [*self.degraded, *(reason for reason in answer.degraded if reason not in self.degraded)]
        self.answered(answer.provider or self.provider, degraded, eventual=self.eventual or answer.eventual)
        if isinstance(answer, Written):
            self.accepted = self.accepted or not answer.confirmed
            self.token = answer.session or self.token


class Listening(Wrapper):
    """Note in the request's notes what each answer and each refusal says of itself."""

    def __init__(self, provider: MemoryProvider) -> None:
        self.provider = provider

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:  # noqa: ARG002 - for others
        """Make the call."""
        try:
            result = await call(self.provider)
        except ProviderError as error:
            _learn(error)
            raise
        for one in result if isinstance(result, list) else [result]:
            _learn(one)
        return result


def _learn(result: object) -> None:
    answer = result.answer if isinstance(result, ProviderError) else result
    told = notes.current.get()
    if isinstance(told, Told) and isinstance(answer, Answer):
        told.learn(answer)
