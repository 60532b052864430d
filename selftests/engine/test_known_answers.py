"""What the engine answers right, and how it counts tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.answers import known, tokens


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What is 17*23?", "391"),
        ("What is 17 × 23? Answer with the number only.", "391"),
        ("17乘以23等于多少？", "391"),
        ("请计算17*23的结果", "391"),
        ("9加1", "10"),
        ("100 除以 8", "12.5"),
        ("What is (2+3)*4 ?", "20"),
        ("What is 12 divided by 4?", "3"),
        ("What is 12 x 3", "36"),
        ("-3 - 4", "-7"),
        ("Calculate 123456789*987654321.", "121932631112635269"),
        ("What is the capital of France?", "Paris"),
        ("法国的首都是哪里", "巴黎"),
        ("Please repeat exactly: 你好 😀", "你好 😀"),
        ("请重复：x\ny", "x\ny"),
    ],
)
def test_is_answered_right(prompt: str, answer: str) -> None:
    assert known.answer(prompt) == answer


@pytest.mark.parametrize(
    "prompt", ["", "Tell me a story.", "1/0", "gpt-4 and r1-32b", "3a+4b", "(1+2", "a long text with 1+2 " * 40]
)
def test_most_prompts_have_no_known_answer(prompt: str) -> None:
    assert known.answer(prompt) is None


@given(st.text())
def test_anything_can_be_asked(prompt: str) -> None:
    known.answer(prompt)
    known.answer("请重复：" + prompt)


@given(a=st.integers(0, 10**9), b=st.integers(0, 10**9))
def test_sums(a: int, b: int) -> None:
    assert known.answer(f"What is {a} + {b}?") == str(a + b)
    assert known.answer(f"{a}乘以{b}是多少") == str(a * b)


@given(st.text())
def test_tokens_are_the_text(text: str) -> None:
    split = tokens.split(text)
    assert "".join(split) == text
    assert len(split) == tokens.count(text)


def test_a_wide_character_is_held_back_until_it_is_whole() -> None:
    assert tokens.split("a😀中文") == ["a", "", "😀", "中", "文"]
