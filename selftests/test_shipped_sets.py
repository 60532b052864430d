"""The sets that ship with seatrial: complete, readable, and `expected.toml` points at lines that exist.

Whether the sets hold is not judged here but by the static suite itself.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).parent.parent / "manifests"
SETS = sorted(path for path in MANIFESTS.iterdir() if path.is_dir())
EXPECTED = sorted(MANIFESTS.glob("*/expected.toml"))


def findings(path: Path) -> list[dict[str, Any]]:
    """All entries of an `expected.toml`, those of its variations included."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [*table["expected"], *(entry for variation in table["variation"] for entry in variation["expected"])]


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_set_has_objects_and_a_target(folder: Path) -> None:
    tomllib.loads((folder / "seatrial.toml").read_text(encoding="utf-8"))
    objects = [
        document for path in folder.glob("*.yaml") for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    assert objects
    assert all(document["kind"] and document["metadata"]["name"] for document in objects)
    assert {document["metadata"].get("namespace") for document in objects} == {None}


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_engine_image_is_the_same_everywhere_in_a_set(folder: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.yaml"))
    assert len(set(re.findall(r"image: (lmsysorg/sglang\S+)", text))) == 1


def test_readme_lists_every_set() -> None:
    readme = (MANIFESTS / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([^`]+)`", readme, re.MULTILINE)) == [path.name for path in SETS]


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.parent.name)
def test_expected_findings_point_at_lines(path: Path) -> None:
    for entry in findings(path):
        assert re.fullmatch(r"[A-Z0-9]+-\d\d", entry["requirement"])
        assert entry["verdict"] in {"failed", "warned", "cannot tell"}
        if entry["verdict"] == "cannot tell":
            assert entry["fact"]
            continue
        texts = [entry["line_of"]] if isinstance(entry["line_of"], str) else entry["line_of"]
        lines = (path.parent / entry["file"]).read_text(encoding="utf-8").splitlines()
        found = {text: sum(text in line for line in lines) for text in texts}
        assert all(found.values()), entry
        assert entry.get("lines", 1) <= sum(found.values()), entry
