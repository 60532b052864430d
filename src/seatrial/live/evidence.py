"""What is gathered when something failed, before anything is taken away."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.live.view import WATCHED

if TYPE_CHECKING:
    from seatrial.live.deployed import Deployed


def gather(deployed: "Deployed", folder: Path) -> Path:
    """Write objects and events of the set into `folder`. Returns the folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for resource in WATCHED:
        found = [one.raw for namespace in deployed.namespaces for one in deployed.view.all(resource, namespace)]
        (folder / f"{resource.plural}.json").write_text(json.dumps(found, indent=1))
    return folder
