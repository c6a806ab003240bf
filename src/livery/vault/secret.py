"""`Secret`: a value that can be carried around but not shown by accident."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")
_MASK = "Secret('**********')"


class Secret(Generic[T]):
    """Hold a value that `repr`, `str`, `format`, `pickle` and JSON never show.

    Only `reveal()` gives it out, so that `grep reveal` lists every place where a secret is open.
    Copies are the same object; it is not hashable, so it cannot become a key of a cache.
    """

    __slots__ = ("__value",)

    def __init__(self, value: T) -> None:
        self.__value = value

    def reveal(self) -> T:
        """Return the value. Pass it on at once; never keep, log or raise it."""
        return self.__value

    def __repr__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret[T]:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is never serialised")

    __hash__ = None  # type: ignore[assignment]
