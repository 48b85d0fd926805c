"""Compiled loops: numba with a cache that works everywhere, and a message while it compiles."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.core.event import Event, Listener, install_listener

logger = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(*, fused: bool = False) -> Callable[[Function], Function]:
    """Compile a function at its first call, for the machine it runs on.

    The result is kept beside the source or, where that cannot be written, in the user's cache
    folder; `NUMBA_CACHE_DIR` names another folder. The cache notices changes of the file in which
    the function stands; changes of what the function imports, compiled functions and constants,
    are noticed because the name of the cached file includes a digest of them.

    Parameters
    ----------
    fused : bool
        Allow a product and a sum to become one operation without rounding in between.
    """
    fastmath = {"contract"} if fused else False

    def compile_later(function: Function) -> Function:
        function.__qualname__ += _digest_of_imports(cast(FunctionType, function))
        jit = partial(njit, function, nogil=True, error_model="numpy", fastmath=fastmath)
        try:
            return cast(Function, jit(cache=True))
        except RuntimeError:  # no cache folder can be written
            return cast(Function, jit())

    return compile_later


def _digest_of_imports(function: FunctionType) -> str:
    """Digest of the constants and compiled functions that a function uses, "" without any."""
    used = _imports(function)
    return f"_{hashlib.sha256(repr(used).encode()).hexdigest()[:8]}" if used else ""


def _imports(function: FunctionType) -> list[Any]:
    """Constants and files of the compiled functions that a function uses, directly or not."""
    used: list[Any] = []
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, int | float):
            used.append((name, value))
        elif isinstance(value, Dispatcher):
            used += [_file_digest(value.py_func.__code__.co_filename), *_imports(value.py_func)]
    return used


@cache
def _file_digest(path: str) -> str:
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


@contextmanager
def announced(what: str) -> Iterator[None]:
    """Log a warning when something is compiled inside the context."""
    with install_listener("numba:compile", _Announcer(what)):
        yield


class _Announcer(Listener):
    def __init__(self, what: str) -> None:
        self.what = what

    def on_start(self, event: Event) -> None:  # noqa: ARG002
        _say_once(self.what)

    def on_end(self, event: Event) -> None:
        pass


@cache
def _say_once(what: str) -> None:
    logger.warning("compiling %s for this machine; this happens only once", what)
