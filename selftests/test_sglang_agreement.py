"""One command line, read by all known releases."""

import pytest

from seatrial.knowledge import sglang

LINES = [
    "--model-path /data --tp 16 --enable-metric --trust-remote-code",
    "--model-path /data --dp-size=4 --moe-a2a-backend deepep --disaggregation-mode prefill --page-size 64",
    "--tensor-parallel-size x --bogus 1 -h --attention-backend flashmla --schedule-policy lpm -1",
    "",
]


@pytest.mark.parametrize("line", LINES)
def test_releases_that_agree_are_asked_once(line: str) -> None:
    argv = line.split()
    found = sglang.parses(argv)
    assert list(found) == list(reversed(sglang.versions()))
    assert len({id(parsed) for parsed in found.values()}) < len(found)
    for version, parsed in found.items():
        alone = sglang.flag_table(version).parse(argv)
        assert parsed.uses == alone.uses
        assert (parsed.prog, parsed.message) == (alone.prog, alone.message)
        assert [(error.kind, error.typed) for error in parsed.errors] == [
            (error.kind, error.typed) for error in alone.errors
        ]


def test_releases_that_differ_are_told_apart() -> None:
    found = sglang.parses(["--model-path", "/data", "--enable-metric"])
    assert found["0.4.9.post2"].values["enable_metrics"] is True
    assert [error.kind for error in found["0.4.9.post3"].errors] == ["ambiguous"]
