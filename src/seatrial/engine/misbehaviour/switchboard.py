"""Which misbehaviours are switched on, and which of them befall a request."""

from collections.abc import Iterable, Sequence

from seatrial.engine.misbehaviour.spec import InvalidSpec, Spec, parse, written

HEADER = b"x-seatrial-misbehave"
"""Of a request that asks for misbehaviours of its own, beside those that are switched on."""


class Switchboard:
    """Misbehaviours from flags and from ``/misbehave``; each counts the requests that it could befall."""

    def __init__(self, specs: Iterable[Spec] = ()) -> None:
        self._seen: dict[Spec, int] = {}
        self.switch(specs)

    def switch(self, specs: Iterable[Spec]) -> None:
        """Have these and no others. Counts begin anew."""
        self._seen = dict.fromkeys(specs, 0)

    @property
    def on(self) -> tuple[Spec, ...]:
        return tuple(self._seen)

    @property
    def written(self) -> list[str]:
        return [written(spec) for spec in self._seen]

    def befalling(self, header: bytes | None) -> tuple[Spec, ...]:
        """What befalls the next request. Raises InvalidSpec where its header cannot be read."""
        found: Sequence[Spec] = ()
        if self._seen:
            found = [spec for spec in self._seen if not spec.process and self._turn(spec)]
        if header is None:
            return tuple(found)
        own = parse(header.decode("utf-8", "replace"))
        if (wrong := next((spec for spec in own if spec.process), None)) is not None:
            raise InvalidSpec(f"{wrong.name!r} befalls the process: switch it on with /misbehave")
        return (*found, *own)

    def _turn(self, spec: Spec) -> bool:
        self._seen[spec] += 1
        return self._seen[spec] % spec.every == 0
