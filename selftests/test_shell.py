"""The shell's evaluation: limits, syntax verdicts, places, undecided conditions, arithmetic, patterns."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.manifests.launch import container_environment
from seatrial.manifests.launch.ways import Way, command_line, ways
from seatrial.manifests.shell.arithmetic import ArithmeticFault, compute
from seatrial.manifests.shell.parser import parse
from seatrial.manifests.shell.patterns import substitute, trim
from seatrial.manifests.shell.verdict import bash_verdict

ENVIRONMENT = {"A": "x y", "B": "b"}
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash to compare with")


def evaluate(script: str, shell: str = "bash") -> list[Way]:
    # The kubelet takes $$ for an escaped $, real bash gets the script as it is.
    container = {
        "command": [shell, "-c", script.replace("$$", "$$$$")],
        "env": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
    }
    environment = container_environment(container, (), lambda _: None, lambda *_: None)
    found, complete = ways(command_line(container, environment), environment, lambda _: False)
    assert complete
    return found


def calls(way: Way) -> list[list[tuple[str, bool]]]:
    return [
        [(word.text, word.known) for word in command.program[1:]]
        for command in way.run.commands
        if command.name == "python3"
    ]


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="ab$(){}[]\"'`;&|<>!#=\\\n *?~:-+/%@^,if thendofi", max_size=80),
        st.lists(st.sampled_from([*"(){}[]|&;<>\n\"'`$=", "if", "fi", "do", "done", "case", "esac", "${", "$((", "))", "a", "<<E", "E"]), max_size=25).map(" ".join),
    )
)  # fmt: skip
def test_never_raises(script: str) -> None:
    container = {"command": ["bash", "-c", script]}
    environment = container_environment(container, (), lambda _: None, lambda *_: None)
    ways(command_line(container, environment), environment, lambda _: False)


HOSTILE = {
    "a megabyte": "python3 x --a $B 'c d'\n" * 40_000,
    "a big range": "for i in {1..1000000}; do echo $i; done",
    "doubling": "A=x; while :; do A=$A$A; done",
    "parentheses": "(" * 3000 + "x" + ")" * 3000,
    "ifs": "if a; then " * 2000 + "b;" + " fi;" * 2000,
    "recursion": "f() { f; }; f",
    "substitutions": "echo " + "$(" * 1500,
    "branches": "".join(f"if [ -f /{i} ]; then A=1; fi\n" for i in range(100)),
    "counting": "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done",
    "arithmetic": "echo $((" + "(" * 5000 + "1" + ")" * 5000 + "))",
    "braces": "echo " + "{a,b}" * 30,
    "stars": "A=" + "a" * 4000 + "; echo ${A%%*a*a*a*a*b}",
    "quote": "echo '" + "a" * 100_000,
    "here-documents": "cat <<A\n" * 2000,
    "defaults": "echo " + "${A:-" * 1500 + "}" * 1500,
    "shifting": "echo $((1<<99999999)) $((2**999999999))",
    "seq": "for i in $(seq 1 99999999); do echo; done",
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_scripts_come_to_an_end(script: str) -> None:
    container = {"command": ["bash", "-c", script]}
    environment = container_environment(container, (), lambda _: None, lambda *_: None)
    assert ways(command_line(container, environment), environment, lambda _: False)


@needs_bash
@pytest.mark.parametrize(
    ("script", "parses"),
    [
        ("fi", False),
        ("if true; then fi", False),
        ("echo a;; b", False),
        ("echo 'abc", False),
        ("for i in a b; echo; done", False),
        ("if [ a ]; then b", False),
        ("x=$(echo", False),
        ("echo $((1+))", True),  # refused only when it is reached
        ("echo ok", True),
        ("for i in ; do x; done", True),
        ("[[ $S < + ]] && b", True),
        ("case x in a) ;; esac", True),
        ("python3 a \\ ", True),
        ("f() { :; }", True),
        ("cat <<EOF\n$(date)\nEOF", True),
        ("time -p sleep 1; coproc x", True),
    ],
)
def test_only_what_bash_refuses_is_a_syntax_problem(script: str, parses: bool) -> None:
    assert bash_verdict(script).parses is parses
    kinds = {problem.kind for way in evaluate(script) for problem in way.run.problems}
    assert ("syntax" in kinds) is not parses


def test_without_bash_a_suspect_script_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.manifests.shell.verdict._bash", lambda: None)
    bash_verdict.cache_clear()
    kinds = [problem.kind for way in evaluate("echo 'never closed") for problem in way.run.problems]
    bash_verdict.cache_clear()
    assert kinds == ["unsupported"]


def test_lines_and_columns_are_those_of_the_script() -> None:
    (way,) = evaluate("set -x\n\npython3 a \\\n  --b $B \\\n  --c=$A")
    command = way.run.commands[-1]
    places = [(word.text, word.line, word.column) for word in command.words]
    assert places == [("python3", 2, 0), ("a", 2, 8), ("--b", 3, 2), ("b", 3, 6), ("--c=x", 4, 2), ("y", 4, 2)]
    assert command.line == 2


def test_options_and_loops_are_noted_on_commands() -> None:
    (way,) = evaluate("set -x; a; set +x\nuntil b; do c; done; d &")
    seen = {command.name: command for command in way.run.commands}
    assert seen["a"].traced
    assert not seen["b"].traced
    assert [name for name, command in seen.items() if command.loop] == ["b", "c"]
    assert [name for name, command in seen.items() if command.background] == ["d"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("if [ -f /x ]; then A=1; else A=2; fi; python3 $A", {"1", "2"}),
        ("[ -d /x ] && A=1 || A=2; python3 $A", {"1", "2"}),
        ("A=0; nvidia-smi && A=1; python3 $A", {"1"}),
        ("A=0; nvidia-smi || A=1; python3 $A", {"0", "1"}),
        ("A=0; nvidia-smi || exit 1; python3 $A", {"0"}),
        ("if [ -f /x ]; then A=1; fi; if [ -f /x ]; then B=2; fi; python3 $A$B", {"12", "x yb"}),
    ],
)
def test_undecided_conditions_are_answered_both_ways(script: str, expected: set[str]) -> None:
    assert {" ".join(text for text, _ in call) for way in evaluate(script) for call in calls(way)} == expected


def run_arithmetic(text: str) -> int:
    values: dict[str, str] = {"a": "5", "b": "a+1"}
    write: Callable[[str, int], None] = lambda name, number: values.__setitem__(name, str(number))  # noqa: E731
    return compute(text, lambda name: values.get(name, ""), write)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1+2*3", 7), ("(1+2)*3", 9), ("-7/2", -3), ("-7%3", -1), ("b*2", 12), ("2**3**2", 512), ("1?2:3", 2), ("0&&1/0", 0),
     ("a++ + a", 11), ("a+=2, a", 7), ("0x1F", 31), ("010", 8), ("2#101", 5), ("9223372036854775807+1", -(2**63)), ("", 0)],
)  # fmt: skip
def test_arithmetic(text: str, value: int) -> None:
    assert run_arithmetic(text) == value


@pytest.mark.parametrize("text", ["1/0", "1+", "(1", "08", "1 2", "2**-1", "@"])
def test_arithmetic_faults(text: str) -> None:
    with pytest.raises(ArithmeticFault):
        run_arithmetic(text)


def test_patterns() -> None:
    loose = lambda text: ((text, False),)  # noqa: E731
    assert trim("a.b.c", "%%", loose(".*")) == "a"
    assert trim("a.b.c", "##", loose("*.")) == "c"
    assert trim("a.b.c", "#", ((".", True),)) == "a.b.c"
    assert substitute("aXbX", "//", loose("X"), "-") == "a-b-"
    assert trim("x", "%", loose("@(a|b)")) is None


def test_the_tree_of_a_script_is_shared() -> None:
    assert parse("echo shared") is parse("echo shared")


def test_no_program_of_a_script_runs(tmp_path: Path) -> None:
    target = tmp_path / "made"
    evaluate(f"touch {target}; echo x > {target}; $(touch {target}); eval 'touch {target}'; fi")
    assert not target.exists()
    assert not re.search("shell=True", Path(bash_verdict.__wrapped__.__code__.co_filename).read_text())
