"""ARCHITECTURE.md shows a newcomer every module, and none that is gone."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TREE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("```")[1]


def test_the_tree_names_every_module_once() -> None:
    lines = TREE.split("src/seatrial/\n")[1].splitlines()
    named = [word for line in lines if re.match(r"  \w", line) for word in re.split(r"\s{2,}", line.strip())[0].split()]
    package = ROOT / "src/seatrial"
    modules = {path.stem for path in package.glob("*.py") if not path.name.startswith("__")}
    modules |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert sorted(named) == sorted(modules)


def test_the_tree_names_folders_that_exist() -> None:
    folders = re.findall(r"^(\w[\w/]*/)", TREE, re.MULTILINE)
    assert len(folders) > 5
    assert all((ROOT / folder).is_dir() for folder in folders)
