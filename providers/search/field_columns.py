"""The values of one field of many memories, each distinct one once, so that a condition looks at it once."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from providers.search.filter_match import ABSENT

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]

EXACT = 1 << 53  # up to which each integer is a binary number of its own

_BYTES = 180  # about what a distinct value takes beside its text: the object, and the way to its code
_LEAST = 16


class FieldColumn:
    """Hold a code for each row, and by kind the values that they stand for; code 0 is a field that is not there.

    `numbers` are those that a binary number holds exactly, which compare as JSON's do; `others` are longer integers,
    truths, null, lists and objects.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.strings: dict[str, int] = {}  # to their codes
        self.numbers: list[float] = []
        self.others: list[Any] = []
        self._codes = np.zeros(_LEAST, np.int32)
        self._number_codes: list[int] = []
        self._as_array, self._their_codes = np.empty(0, np.float64), np.empty(0, np.int64)
        self._other_codes: list[int] = []
        self._known: dict[Any, int] = {}
        self._count = 1
        self._text_bytes = 0

    @property
    def nbytes(self) -> int:
        """About the bytes of the column."""
        return self._codes.nbytes + _BYTES * self._count + self._text_bytes

    def extend(self, values: list[Any]) -> None:
        """Add the values of the next rows, `ABSENT` where there is none."""
        end = self.rows + len(values)
        if end > len(self._codes):
            grown = np.zeros(max(end, len(self._codes) * 9 // 8), np.int32)
            grown[: self.rows] = self._codes[: self.rows]
            self._codes = grown
        self._codes[self.rows : end] = [self._code(value) for value in values]
        self.rows = end

    def of_rows(self, met: Mask, count: int) -> Mask:
        """Return for the first rows whether their values are among those that met a test, given by their codes."""
        return met[self._codes[:count]]

    def none(self) -> Mask:
        """Return that no value meets a test, not even one that is absent."""
        return np.zeros(self._count, np.bool_)

    def set_strings(self, met: Mask, test: Callable[[str], bool]) -> None:
        """Note which strings meet a test."""
        if self.strings:
            codes = np.fromiter(self.strings.values(), np.int32, len(self.strings))
            met[codes] = np.fromiter(map(test, self.strings), np.bool_, len(self.strings))

    def set_numbers(self, met: Mask, test: Callable[[Numbers], Mask]) -> None:
        """Note which numbers meet a test of all of them at once."""
        if len(self._as_array) < len(self.numbers):
            self._as_array, self._their_codes = np.array(self.numbers, np.float64), np.array(self._number_codes)
        if self.numbers:
            met[self._their_codes] = test(self._as_array)

    def set_each_number(self, met: Mask, test: Callable[[float], bool]) -> None:
        """Note which numbers meet a test of one."""
        if self.numbers:
            met[np.array(self._number_codes)] = np.fromiter(map(test, self.numbers), np.bool_, len(self.numbers))

    def set_others(self, met: Mask, test: Callable[[Any], bool]) -> None:
        """Note which other values meet a test."""
        if self.others:
            met[np.array(self._other_codes)] = np.fromiter(map(test, self.others), np.bool_, len(self.others))

    def _code(self, value: Any) -> int:  # noqa: ANN401 - any JSON value, or ABSENT
        if value is ABSENT:
            return 0
        if type(value) is str:
            code = self.strings.get(value)
            if code is None:
                code = self.strings[value] = self._next()
                self._text_bytes += len(value)
            return code
        if type(value) is float or (type(value) is int and -EXACT <= value <= EXACT):
            code = self._known.get(value)
            if code is None:
                code = self._known[value] = self._next()
                self.numbers.append(float(value))
                self._number_codes.append(code)
            return code
        written = msgspec.json.encode(value)
        code = self._known.get(written)
        if code is None:
            code = self._known[written] = self._next()
            self._text_bytes += 4 * len(written)
            self.others.append(value)
            self._other_codes.append(code)
        return code

    def _next(self) -> int:
        self._count += 1
        return self._count - 1
