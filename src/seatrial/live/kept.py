"""Properties that are worked out once for each moment of a view, and never read out of date."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, overload

from seatrial.live.view import View

T = TypeVar("T")


class Shelf:
    """Results that hold as long as the view shows the same. Something that has changed meanwhile empties it."""

    __slots__ = ("_moment", "_results", "_view")

    def __init__(self, view: View) -> None:
        self._view = view
        self._moment: Hashable = None
        self._results: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        moment = self._view.moment  # read first: what changes while `make` looks makes its result an old one
        if moment != self._moment:
            self._moment, self._results = moment, {}
        results = self._results
        if key not in results:
            results[key] = make()
        result: T = results[key]
        return result


class kept(Generic[T]):  # named like `property`, which it stands in for
    """A property whose owner has a `shelf`."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, owner: None, type: type) -> "kept[T]": ...
    @overload
    def __get__(self, owner: object, type: type | None = None) -> T: ...
    def __get__(self, owner: Any, type: type | None = None) -> "T | kept[T]":
        if owner is None:
            return self
        shelf: Shelf = owner.shelf
        return shelf.get(self._make, lambda: self._make(owner))
