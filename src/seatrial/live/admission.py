"""What the API server said to each object of the set when the run offered it."""

from dataclasses import dataclass
from typing import Any

from seatrial.live.api import ApiError
from seatrial.manifests.document import Document


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to a server-side dry run of one document.

    `answer` is the object as it would be stored, None where it was refused; `served` is false where the server does
    not know the kind at all.
    """

    document: Document
    answer: dict[str, Any] | None
    error: ApiError | None
    served: bool = True
