"""What the API server said to each object of the set when the run offered it."""

from dataclasses import dataclass
from typing import Any

from seatrial.live.api import ApiError
from seatrial.manifests.document import Document


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to a server-side dry run of one document.

    `answer` is the object as it would be stored, None where it was refused or not offered; `served` is false where
    the server does not know the kind at all, and `bare` that it is one of the run's own, which knows the kinds of
    Kubernetes and LWS only; `left_out` says why an object was not offered.
    """

    document: Document
    answer: dict[str, Any] | None
    error: ApiError | None
    served: bool = True
    bare: bool = False
    left_out: str = ""
    waited_s: float = 0.0
    """How long the quota controller did not know the kind."""

    @property
    def title(self) -> str:
        return self.document.title
