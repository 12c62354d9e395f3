"""Read a pickle as data, without unpickling: a pickle is a program, and this runs none of it.

The standard library's `pickletools.genops` only splits the bytes into operations. Those that build numbers,
text, lists and dictionaries are carried out here; any that would import or call something are refused.
"""

from __future__ import annotations

import pickletools
from typing import Any

from mien.core.errors import InputError

_MARK = object()
_VALUES = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def read_plain_pickle(data: bytes) -> Any:
    """The numbers, text, lists, tuples and dictionaries that pickled bytes describe.

    raises: InputError for anything else, before anything happens.
    """
    machine = _Machine()
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name == "STOP":
                return machine.stack.pop()
            machine.step(operation.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the file cannot be read ({error}): it is damaged, give another") from error
    raise InputError("the file ends early: it is damaged, give another")


class _Machine:
    """The stack and memo that the operations work on."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("PROTO", "FRAME"):
            return
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[len(self.memo) if name == "MEMOIZE" else int(argument)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[int(argument)])
        else:
            self._build(name)

    def _build(self, name: str) -> None:
        stack = self.stack
        match name:
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_TUPLE":
                stack.append(())
            case "MARK":
                stack.append(_MARK)
            case "APPEND":
                value = stack.pop()
                stack[-1].append(value)
            case "APPENDS":
                values = self._since_mark()
                stack[-1].extend(values)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                stack[-1][key] = value
            case "SETITEMS":
                values = self._since_mark()
                stack[-1].update(zip(values[::2], values[1::2], strict=True))
            case "LIST":
                stack.append(self._since_mark())
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case _:
                raise InputError(f"the file is more than data ({name}) and is refused: give another")

    def _since_mark(self) -> list[Any]:
        start = max(i for i, value in enumerate(self.stack) if value is _MARK)
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values
