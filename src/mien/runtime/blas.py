"""Linear algebra on one thread, for systems too small to share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` with NumPy's BLAS on one thread.

    Systems of a few hundred unknowns gain nothing from a second thread, and where other work runs the threads
    wait for each other in a spin: a head that takes 15 ms on one thread took a second on two busy cores.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return wrapped


@functools.cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # looks through the loaded libraries once; NumPy's is always among them
