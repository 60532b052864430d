"""The rules that a requirement keeps."""

from collections.abc import Iterator

import pytest

from seatrial import catalogue, subjects
from seatrial.live import subjects as live_subjects
from seatrial.requirement import BadRequirement, read, requirement
from seatrial.verdict import Level


def declare(docstring: str, id: str = "ABC-01", why: str = "w", fix: str = "f") -> object:
    def check(deployment: object) -> Iterator[object]:
        yield from ()

    check.__doc__ = docstring
    return read(requirement(id, why=why, fix=fix)(check))


def test_the_keyword_is_the_level() -> None:
    for keyword in ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT"):
        assert declare(f"A pod {keyword} be green.").level is Level(keyword)  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["A pod is green.", "It MUST be and SHOULD be.", ""])
def test_exactly_one_keyword(text: str) -> None:
    with pytest.raises(BadRequirement, match="not one"):
        declare(text)


def test_bad_id_and_empty_texts_are_named_together() -> None:
    with pytest.raises(BadRequirement, match=r"AREA-NN.*have to say something"):
        declare("A pod MUST be green.", id="abc", why="")


def test_the_catalogue_is_consistent() -> None:
    static, cluster = catalogue.requirements("static"), catalogue.requirements("cluster")
    known = [*static, *cluster]
    assert len({requirement.id for requirement in known}) == len(known)
    assert {requirement.subject for requirement in static} <= set(subjects.NAMES)
    assert {requirement.subject for requirement in cluster} <= set(live_subjects.NAMES)
    assert not {requirement.area for requirement in static} & {requirement.area for requirement in cluster}
    assert {requirement.id for requirement in known} == catalogue.ids()
    for one in known:
        assert one.sentence.endswith("."), one.id
        assert one.why.endswith("."), one.id
        assert one.fix.endswith("."), one.id
