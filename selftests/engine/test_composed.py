"""Answers: how long they are, how they end, what is held back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.answers import structured
from seatrial.engine.answers.composed import BREAK, THINK_ENDS, Composed, Wanted

PLAIN = Wanted(seed=7, natural=20, limit=1000, reasoning_share=0.5)


def texts(answer: Composed) -> dict[str, str]:
    found = {"reasoning": "", "content": "", "tool": ""}
    for kind, text, _ in answer.pieces():
        found[kind] += text
    return found


def ending(answer: Composed) -> tuple[int, str, int | str | None]:
    return sum(1 for _ in answer.pieces()), answer.finish_reason, answer.matched_stop


def test_ends_by_itself_with_the_token_of_the_end() -> None:
    assert ending(Composed(PLAIN)) == (21, "stop", 1)
    assert Composed(PLAIN).length == 21


def test_the_limit_cuts_it() -> None:
    assert ending(Composed(replace(PLAIN, limit=5))) == (5, "length", None)
    assert texts(Composed(replace(PLAIN, limit=5)))["content"] == ""


def test_that_it_just_fits_is_no_cut() -> None:
    assert ending(Composed(replace(PLAIN, limit=21))) == (21, "stop", 1)
    assert ending(Composed(replace(PLAIN, limit=20))) == (20, "length", None)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("said", [None, "391", "a long text that is known and has many words"])
def test_exact_length_when_the_end_is_ignored(share: float, said: str | None) -> None:
    wanted = replace(PLAIN, limit=300, ignore_end=True, reasoning_share=share, said=said)
    assert ending(Composed(wanted)) == (300, "length", None)
    reasoning = sum(kind == "reasoning" for kind, *_ in Composed(wanted).pieces())
    assert abs(reasoning - 300 * share) <= 1


def test_reasoning_without_a_parser_stands_in_the_content_with_its_mark() -> None:
    told = texts(Composed(replace(PLAIN, separate=False, said="391")))
    assert told["reasoning"] == ""
    assert told["content"].endswith(f"{THINK_ENDS}{BREAK}391")


def test_separated_reasoning_shows_no_mark() -> None:
    told = texts(Composed(replace(PLAIN, said="391")))
    assert told["content"] == f"{BREAK}391"
    assert told["reasoning"]
    assert "think" not in told["reasoning"]


def test_reasoning_at_once_when_it_is_not_streamed() -> None:
    streamed, held = Composed(PLAIN), Composed(replace(PLAIN, stream_reasoning=False))
    assert texts(streamed) == texts(held)
    assert len([text for kind, text, _ in held.pieces() if kind == "reasoning" and text]) == 1
    assert ending(held) == ending(streamed)


def test_least_tokens_are_reached() -> None:
    assert ending(Composed(replace(PLAIN, said="4", least=50))) == (50, "stop", 1)


@pytest.mark.parametrize("stop", ["gra", "exactly: st", "s e", " "])
def test_a_stop_string_ends_it_also_across_tokens(stop: str) -> None:
    said = "telegraphs exactly: stop here and nothing more"
    answer = Composed(replace(PLAIN, said=said, reasons=False, stops=(stop,)))
    assert texts(answer)["content"] == said[: said.index(stop)]
    assert (answer.finish_reason, answer.matched_stop) == ("stop", stop)
    kept = Composed(replace(PLAIN, said=said, reasons=False, stops=(stop,), keeps_stop=True))
    assert texts(kept)["content"] == said[: said.index(stop)] + stop


@given(said=st.text("abc ", max_size=40), stops=st.lists(st.text("abc ", min_size=1, max_size=4), max_size=3))
def test_no_stop_string_is_ever_shown(said: str, stops: list[str]) -> None:
    answer = Composed(replace(PLAIN, said=said, reasons=False, stops=tuple(stops)))
    told = texts(answer)["content"]
    first = min((said.index(stop) for stop in stops if stop in said), default=None)
    assert told == (said if first is None else said[:first])
    assert answer.matched_stop == 1 if first is None else answer.matched_stop in stops
    assert sum(1 for _ in answer.pieces()) <= answer.length


def test_a_tool_call_is_its_arguments() -> None:
    answer = Composed(replace(PLAIN, tool=("weather", '{"city": "北京"}')))
    assert texts(answer)["tool"] == '{"city": "北京"}'
    assert texts(answer)["content"] == ""
    assert answer.finish_reason == "tool_calls"


def test_the_same_request_gets_the_same_answer_and_another_seed_another() -> None:
    assert list(Composed(PLAIN).pieces()) == list(Composed(PLAIN).pieces())
    assert list(Composed(PLAIN).pieces()) != list(Composed(replace(PLAIN, seed=8)).pieces())


SCHEMA = {
    "type": "object",
    "$defs": {"unit": {"enum": ["C", "F"]}},
    "properties": {
        "city": {"type": "string", "minLength": 6},
        "days": {"type": "integer", "minimum": 3, "maximum": 9},
        "unit": {"$ref": "#/$defs/unit"},
        "tags": {"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "minItems": 2},
    },
}


def test_json_of_a_schema() -> None:
    import json

    found = json.loads(structured.instance(SCHEMA))
    assert found == {"city": "textxx", "days": 3, "unit": "C", "tags": [True, True]}
    assert json.loads(structured.instance({"properties": {"answer": {"type": "integer"}}}, "391")) == {"answer": 391}


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    schema = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefghij"}}
    assert len(structured.instance(schema)) < 20_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["object", "array", "string", "#/x", "#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "items", "properties", "$ref", "anyOf", "enum", "const", "minItems", "minimum"]), inner
    ),
    max_leaves=12,
)  # fmt: skip


@given(schema=st.dictionaries(st.sampled_from(["type", "items", "properties", "$ref", "anyOf", "enum"]), json_values))
def test_any_schema_gives_json(schema: dict[str, object]) -> None:
    structured.instance(schema)


def test_another_share_of_reasoning() -> None:
    answer = Composed(Wanted(seed=1, natural=100, limit=1000, reasoning_share=0.5))
    told = {}
    for share in (0.0, 0.1, 0.9):
        kinds = [piece.kind for piece in answer.with_reasoning(share).pieces()]
        told[share] = kinds.count("reasoning") / len(kinds)
    assert told[0.0] == 0
    assert told[0.1] == pytest.approx(0.1, abs=0.03)
    assert told[0.9] == pytest.approx(0.9, abs=0.03)
