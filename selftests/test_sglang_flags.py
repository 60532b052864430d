"""SGLang's command line: the table of flags, the argument parser's model, the behaviour of releases."""

import argparse
import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seatrial.knowledge.sglang import (
    Flag,
    FlagTable,
    Parsed,
    Unknown,
    UnknownVersion,
    behaviour,
    flag_table,
    lifetime,
    nearest,
    version_of_tag,
    versions,
)
from seatrial.knowledge.sglang.conversion import human_int

OLD, MIDDLE, NEW = THREE = ("0.4.3.post2", "0.5.9", "0.5.23")
MODEL = ["--model-path", "/models/r1"]


def parse(version: str, *argv: str) -> Parsed:
    return flag_table(version).parse([*MODEL, *argv])


def message(version: str, *argv: str) -> str:
    return parse(version, *argv).message or ""


# -- the table ---------------------------------------------------------------------------------------


def test_versions_ascend_and_cover_the_known_ones() -> None:
    known = versions()
    assert set(THREE) < set(known)
    assert known[0] == "0.4.1.post7"
    assert known.index("0.4.9.post6") < known.index("0.4.10") < known.index("0.5.0rc0") < known.index("0.5.1")


@pytest.mark.parametrize(("version", "flags", "names"), [(OLD, 98, 102), (MIDDLE, 331, 341), (NEW, 531, 547)])
def test_number_of_flags(version: str, flags: int, names: int) -> None:
    table = flag_table(version)
    own = [flag for flag in table.flags if flag.action != "help"]
    positive = [name for flag in own for name in flag.names if not (flag.action == "boolean" and "--no-" in name)]
    assert len(own) == flags
    assert len(positive) == names


# "=" exact, "a" an abbreviation, "X" ambiguous, "-" unrecognized
FORMS = [
    ("--model", "a", "=", "="),
    ("--tp", "a", "a", "a"),
    ("--tp-size", "=", "=", "="),
    ("--tensor-parallel-size", "=", "=", "="),
    ("--dp", "a", "a", "a"),
    ("--ep", "a", "=", "="),
    ("--pp", "-", "X", "X"),
    ("--nnodes", "=", "=", "="),
    ("--node-rank", "=", "=", "="),
    ("--dist-init-addr", "=", "=", "="),
    ("--nccl-init-addr", "=", "=", "="),
    ("--dist-timeout", "-", "=", "="),
    ("--served-model-name", "=", "=", "="),
    ("--trust-remote-code", "=", "=", "="),
    ("--mem-fraction-static", "=", "=", "="),
    ("--max-running-request", "a", "a", "a"),
    ("--max-queued-requests", "-", "=", "="),
    ("--reasoning-parser", "-", "=", "="),
    ("--enable-metrics", "=", "=", "="),
    ("--enable-metric", "a", "X", "X"),
    ("--log-request", "a", "X", "X"),
    ("--soft-watchdog-timeout", "-", "=", "="),
    ("--skip-server-warmup", "-", "=", "="),
    ("--cuda-graph-max-bs", "=", "=", "X"),
    ("--enable-ep-moe", "=", "-", "-"),
    ("--enable-flashinfer-mla", "=", "-", "-"),
    ("--torchao-config", "=", "=", "-"),
    ("--stream-output", "=", "=", "-"),
    ("--stream-response-default-include-usage", "-", "-", "="),
    ("--enable-mla", "-", "-", "-"),
    ("--enable_metrics", "-", "-", "-"),
    ("--admin-api-key", "-", "=", "="),
    ("--ssl-certfile", "-", "-", "="),
    ("--nccl-port", "-", "=", "="),
]


def form(version: str, name: str) -> str:
    table = flag_table(version)
    flag = table.options.get(name) or next((f for n, f in table.options.items() if n.startswith(name)), None)
    parsed = parse(version, name, *(["1"] if flag is None or flag.arity != "0" else []))
    if any(error.kind == "ambiguous" for error in parsed.errors):
        return "X"
    if any(error.kind == "unrecognized" for error in parsed.errors):
        return "-"
    return "=" if next(use for use in parsed.uses if use.typed == name).exact else "a"


@pytest.mark.parametrize(("name", "old", "middle", "new"), FORMS, ids=[row[0] for row in FORMS])
def test_how_a_name_is_read(name: str, old: str, middle: str, new: str) -> None:
    assert [form(version, name) for version in THREE] == [old, middle, new]


@pytest.mark.parametrize(
    ("name", "last_good", "first_ambiguous"),
    [
        ("--enable-metric", "0.4.9.post2", "0.4.9.post3"),
        ("--log-request", "0.4.3.post2", "0.4.3.post3"),
        ("--ep", "0.4.6.post4", "0.4.6.post5"),
        ("--pp", "0.5.3", "0.5.3.post1"),
    ],
)
def test_since_when_an_abbreviation_is_ambiguous(name: str, last_good: str, first_ambiguous: str) -> None:
    assert (form(last_good, name), form(first_ambiguous, name)) == ("a", "X")


def test_ep_is_a_name_of_its_own_from_0_4_10() -> None:
    assert (form("0.4.9.post6", "--ep"), form("0.4.10", "--ep")) == ("X", "=")


@pytest.mark.parametrize(
    ("dest", "counts"),
    [("quantization", (10, 23, 31)), ("reasoning_parser", (None, 14, 37)), ("tool_call_parser", (3, 23, 45))],
)
def test_number_of_choices(dest: str, counts: tuple[int | None, ...]) -> None:
    found = [flag_table(version).by_dest.get(dest) for version in THREE]
    assert tuple(len(flag.choices) if flag and flag.choices else None for flag in found) == counts


def test_defaults() -> None:
    for version in THREE:
        table = flag_table(version)
        wanted = {"host": "127.0.0.1", "port": 30000, "tp_size": 1, "nnodes": 1, "node_rank": 0, "dist_init_addr": None}
        assert {dest: table.default(dest) for dest in wanted} == wanted
        assert table.default("watchdog_timeout") == 300
        assert table.by_dest["mem_fraction_static"].computed_default
    with pytest.raises(KeyError):
        flag_table(OLD).default("dist_timeout")


@pytest.mark.parametrize(
    ("name", "since", "until", "deprecated_since"),
    [
        ("--reasoning-parser", "0.4.3.post3", NEW, None),
        ("--dist-timeout", "0.4.3.post3", NEW, None),
        ("--pp-size", "0.4.6.post2", NEW, None),
        ("--soft-watchdog-timeout", "0.5.7", NEW, None),
        ("--cuda-graph-max-bs", "0.4.1.post7", "0.5.19", "0.5.14"),
    ],
)
def test_lifetime(name: str, since: str, until: str, deprecated_since: str | None) -> None:
    found = lifetime(name)
    assert found is not None
    assert (found.since, found.until, found.deprecated_since) == (since, until, deprecated_since)


def test_lifetime_of_what_never_was() -> None:
    assert lifetime("--enable-mla") is None


def test_a_deprecated_flag_names_its_replacement() -> None:
    flag = flag_table(NEW).options["--enable-dp-attention"]
    assert flag.deprecated
    assert flag.replacement == "--attn-dp-size"
    assert not flag_table(MIDDLE).options["--enable-dp-attention"].deprecated


# -- versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v0.5.9-cu126", "0.5.9"),
        ("v0.4.3.post2-cu124", "0.4.3.post2"),
        ("v0.5.5.post3-cu129-amd64", "0.5.5.post3"),
        ("v0.5.9-runtime", "0.5.9"),
        ("v0.5.0rc1-cu126", "0.5.0rc1"),
        ("0.5.9", "0.5.9"),
        ("v9.9.9", "9.9.9"),
        ("latest", None),
        ("dev", None),
        ("nightly-dev-20251111-abc", None),
        ("v0.5", None),
        ("v0.5.9.1", None),
        ("0.5.9rc", None),
        ("", None),
    ],
)
def test_version_of_tag(tag: str, version: str | None) -> None:
    assert version_of_tag(tag) == version


@pytest.mark.parametrize(
    ("version", "known"),
    [("0.5.9", "0.5.9"), ("0.5.9.post4", "0.5.9"), ("9.0.0", versions()[-1]), ("0.3.0", "0.4.1.post7"), ("x", None)],
)
def test_nearest(version: str, known: str | None) -> None:
    assert nearest(version) == known


def test_unknown_version_names_the_closest() -> None:
    with pytest.raises(UnknownVersion, match=r"0\.5\.9\.post4 .*closest known one is 0\.5\.9"):
        flag_table("0.5.9.post4")


# -- messages ----------------------------------------------------------------------------------------

PROG = {OLD: "launch_server.py", MIDDLE: "launch_server.py", NEW: "sglang serve"}


@pytest.mark.parametrize(
    ("version", "argv", "text"),
    [
        (OLD, "--enable_metrics", "unrecognized arguments: --enable_metrics"),
        (OLD, "--enable-x y --port 3", "unrecognized arguments: --enable-x y"),
        (OLD, "stray --tp 4 more --foo=1", "unrecognized arguments: stray more --foo=1"),
        (OLD, "-- --tp 4", "unrecognized arguments: -- --tp 4"),
        (
            MIDDLE,
            "--enable-metric",
            "ambiguous option: --enable-metric could match --enable-metrics, --enable-metrics-for-all-schedulers",
        ),
        (OLD, "--tp", "argument --tensor-parallel-size/--tp-size: expected one argument"),
        (NEW, "--tp", "argument --tp-size/--tensor-parallel-size: expected one argument"),
        (MIDDLE, "--node-rank --dist-init-addr a:1", "argument --node-rank: expected one argument"),
        (MIDDLE, "--cuda-graph-bs", "argument --cuda-graph-bs: expected at least one argument"),
        (MIDDLE, "--trust-remote-code=yes", "argument --trust-remote-code: ignored explicit argument 'yes'"),
        (NEW, "--context-length 64kb", "argument --context-length: Invalid integer value: '64kb'"),
        (MIDDLE, "--context-length 64k", "argument --context-length: invalid int value: '64k'"),
        (OLD, "--mem-fraction-static x", "argument --mem-fraction-static: invalid float value: 'x'"),
    ],
)
def test_message(version: str, argv: str, text: str) -> None:
    assert message(version, *argv.split()) == f"{PROG[version]}: error: {text}"


def test_message_of_an_empty_number() -> None:
    assert message(MIDDLE, "--node-rank", "").endswith("argument --node-rank: invalid int value: ''")


def test_message_of_a_wrong_choice() -> None:
    start = "launch_server.py: error: argument --reasoning-parser: invalid choice: 'deepseek_r1' (choose from "
    assert message(MIDDLE, "--reasoning-parser", "deepseek_r1").startswith(start)


@pytest.mark.parametrize(("version", "names"), [(OLD, "--model-path"), (MIDDLE, "--model-path/--model")])
def test_message_of_a_missing_model(version: str, names: str) -> None:
    parsed = flag_table(version).parse(["--tp", "8", "--foo"])
    assert parsed.message == f"launch_server.py: error: the following arguments are required: {names}"
    assert [error.kind for error in parsed.errors] == ["unrecognized", "required"]


def test_all_errors_are_reported_and_the_first_is_named() -> None:
    parsed = parse(MIDDLE, "--foo", "x", "--port", "x", "--enable-metric", "--quantization", "int3", "--enable_metrics")
    kinds = [(error.kind, error.index, error.typed) for error in parsed.errors]
    assert kinds == [
        ("unrecognized", 2, "--foo"),
        ("invalid value", 5, "--port"),
        ("ambiguous", 6, "--enable-metric"),
        ("invalid choice", 8, "--quantization"),
        ("unrecognized", 9, "--enable_metrics"),
    ]
    assert parsed.first == parsed.errors[2]
    assert parsed.errors[-1].candidates == ("--enable-metrics",)


# -- values ------------------------------------------------------------------------------------------


def test_values_and_uses() -> None:
    parsed = parse(MIDDLE, "--tp", "8", "--port=1", "--port", "-5", "--cuda-graph-bs", "1", "2", "--trust-remote-code")
    assert parsed.message is None
    assert parsed.complete
    assert parsed.values == {
        "model_path": "/models/r1",
        "tp_size": 8,
        "port": -5,
        "cuda_graph_bs": (1, 2),
        "trust_remote_code": True,
    }
    tp, port = parsed.given("tp_size"), parsed.given("port")
    assert tp is not None
    assert (tp.index, tp.typed, tp.exact, tp.value_index, tp.flag.names[-1]) == (2, "--tp", False, 3, "--tp-size")
    assert port is not None
    assert (port.index, port.value_index) == (5, 6)
    assert parsed.uses[2].value_index == parsed.uses[2].index
    assert parsed.given("host") is None


def test_an_invalid_value_is_no_value() -> None:
    parsed = parse(MIDDLE, "--port", "x")
    assert "port" not in parsed.values
    use = parsed.given("port")
    assert use is not None
    assert (use.value, use.valid) == ("x", False)


@pytest.mark.parametrize(("text", "number"), [("64k", 64_000), ("64Ki", 65_536), ("1.5M", 1_500_000), ("7", 7)])
def test_human_readable_numbers(text: str, number: int) -> None:
    assert parse(NEW, "--context-length", text).values["context_length"] == number


def test_a_boolean_flag_has_a_negative_form() -> None:
    flag = next(flag for flag in flag_table(NEW).flags if flag.action == "boolean")
    assert parse(NEW, flag.names[0], flag.names[1]).values[flag.dest] is False


@pytest.mark.parametrize("argv", [["--tp", Unknown("<x>")], [Unknown("--tp=<x>")], ["--quantization", Unknown("<q>")]])
def test_unknown_values_fit(argv: list[str]) -> None:
    parsed = parse(MIDDLE, *argv)
    assert not parsed.errors
    assert isinstance(parsed.uses[-1].value, Unknown)
    assert parsed.complete


@pytest.mark.parametrize("word", ["<anything>", "--<flag>", "--enable-met<x>"])
def test_an_unknown_word_is_no_error(word: str) -> None:
    parsed = parse(MIDDLE, "--trust-remote-code", Unknown(word))
    assert not parsed.errors
    assert parsed.unknown == (3,)
    assert not parsed.complete


def test_a_configuration_file_may_set_what_is_missing() -> None:
    parsed = flag_table(MIDDLE).parse(["--config", "/etc/r1.yaml"])
    assert parsed.message is None
    assert not parsed.complete
    assert flag_table(MIDDLE).parse(["--config=/etc/r1.yaml"]).message is not None


def test_words_may_be_subclasses() -> None:
    class Word(str):
        __slots__ = ()

    word = Word("/models/r1")
    assert flag_table(MIDDLE).parse([Word("--model-path"), word]).values["model_path"] is word


# -- against argparse --------------------------------------------------------------------------------


class Refusal(Exception):
    pass


class Real(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(f"{self.prog}: error: {message}")

    def print_help(self, file: object = None) -> None:
        pass


def action_of(flag: Flag) -> type[argparse.Action]:
    class Action(argparse.Action):
        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
            if flag.action == "retired":
                hint = f"; use {flag.replacement}" if flag.replacement else ""
                parser.error(f"{option_string} is no longer supported{hint}")
            if flag.action == "const":
                setattr(namespace, self.dest, flag.const)

    return Action


def human_readable_int(text: str) -> int:
    try:
        return human_int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def json_list_type(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"Invalid JSON list: {text}") from None


def nullable_str(text: str) -> str | None:
    return None if text in ("", "None") else text


TYPES: dict[str, Callable[[str], object]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "human-int": human_readable_int,
    "json": json.loads,
    "json-list": json_list_type,
    "nullable-str": nullable_str,
}


@cache
def real_parser(version: str) -> Real:
    table = flag_table(version)
    parser = Real(prog=table.prog)
    for flag in table.flags[1:]:
        options: dict[str, Any] = {"dest": flag.dest, "default": flag.default, "required": flag.required}
        if flag.action == "store_true":
            parser.add_argument(*flag.names, action="store_true", **options)
        elif flag.action == "boolean":
            positive = [name for name in flag.names if not name.startswith("--no-")]
            parser.add_argument(*positive, action=argparse.BooleanOptionalAction, **options)
        else:
            if flag.action != "store":
                options["action"] = action_of(flag)
            nargs = {"0": 0, "1": None}.get(flag.arity, flag.arity)
            parser.add_argument(
                *flag.names, nargs=nargs, type=TYPES[flag.type], choices=flag.choices, const=flag.const, **options
            )
    return parser


VALUES = ["1", "0", "-1", "-.5", "-1e5", "", "a", "a b", "-a b", "--a b", "x=y", "fp8", "64k", "64Ki", "1.5Ki", "{}"]
VALUES += ["[1]", "None", "auto", "deepseek-r1", "-", "-x", "-h", "-hh", "-hx", "--help", "--", "--=1", "--he", "1_0"]


@st.composite
def argvs(draw: st.DrawFn, table: FlagTable) -> list[str]:
    """Argument lists of names, prefixes of names, wrong names and values."""
    names = st.sampled_from([name for name in table.options if name not in ("-h", "--config")])
    values = st.sampled_from(VALUES)
    prefixes = names.flatmap(lambda name: st.integers(3, len(name)).map(lambda end: name[:end]))
    words = names | prefixes | names.map(lambda name: name.replace("-", "_").replace("__", "--")) | values
    joined = st.tuples(names | prefixes, values.filter(lambda value: value != "--")).map("=".join)
    pairs = names.flatmap(lambda name: st.tuples(st.just(name), values | st.sampled_from(_choices(table, name)))).map(
        list
    )
    parts = draw(st.lists(words.map(lambda word: [word]) | joined.map(lambda word: [word]) | pairs, max_size=6))
    model = draw(st.sampled_from([["--model-path", "m"], ["--model-path=m"], []]))
    return [word for part in [model, *parts] for word in part if not "--config".startswith(word) or word == "--"]


def _choices(table: FlagTable, name: str) -> list[str]:
    return [str(choice) for choice in table.options[name].choices or ("1",)]


def real_outcome(version: str, argv: list[str]) -> dict[str, object] | str | None:
    """What argparse makes of *argv*: the values, its last line, or None when it prints its help."""
    try:
        return vars(real_parser(version).parse_args(argv))
    except Refusal as refusal:
        return str(refusal)
    except SystemExit:
        return None


def agrees(version: str, argv: list[str]) -> None:
    """Assert that the model and argparse accept or refuse alike, with the same values or message."""
    parsed, real = flag_table(version).parse(argv), real_outcome(version, argv)
    if isinstance(real, dict):
        assert parsed.errors == ()
        found = {dest: list(value) if isinstance(value, tuple) else value for dest, value in parsed.values.items()}
        assert found == {dest: real[dest] for dest in found}
        return
    assert parsed.first is not None
    # Python 3.12 and later notice ambiguity later and quote choices differently.
    if sys.version_info < (3, 12):
        assert parsed.message == real
        assert (parsed.first.kind == "help") is (real is None)


@settings(max_examples=300, deadline=None)
@example((MIDDLE, ["--model-path", "m", "--model-path=n", "--enable-metric"]))
@example((OLD, ["--model-path", "m", "--lora-paths", "--", "a"]))
@given(st.sampled_from(THREE).flatmap(lambda version: st.tuples(st.just(version), argvs(flag_table(version)))))
def test_agrees_with_argparse(case: tuple[str, list[str]]) -> None:
    agrees(*case)


@pytest.mark.parametrize("version", THREE)
def test_every_flag_agrees_with_argparse(version: str) -> None:
    for flag in flag_table(version).flags[1:]:
        for name in flag.names:
            values = [*map(str, (flag.choices or ())[:2]), "1", "x"]
            for argv in ([name], *([name, value] for value in values), *([f"{name}={value}"] for value in values)):
                if name != "--config":
                    agrees(version, [*MODEL, *argv])


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_words_can_be_read(argv: list[str]) -> None:
    parsed = flag_table(MIDDLE).parse(argv)
    assert all(error.index is None or error.index < len(argv) for error in parsed.errors)
    assert not flag_table(MIDDLE).parse([*MODEL, *(Unknown(word) for word in argv if word != "--")]).message


# -- behaviour ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "versions_with"),
    [
        ("/health", "yyy"),
        ("/health_generate", "yyy"),
        ("/ping", "-yy"),
        ("/ready", "--y"),
        ("/model_info", "-yy"),
        ("/healthz", "---"),
    ],
)
def test_paths(path: str, versions_with: str) -> None:
    assert "".join("y" if behaviour.route(version, path) else "-" for version in THREE) == versions_with


def test_paths_of_workers() -> None:
    assert behaviour.route("0.4.1.post7", "/health", worker=True) is None
    assert behaviour.route(OLD, "/health", worker=True)
    assert not behaviour.route(NEW, "/v1/models", worker=True)


@pytest.mark.parametrize(
    ("version", "path", "asks"),
    [
        (OLD, "/health_generate", False),
        (OLD, "/metrics", True),
        (MIDDLE, "/metrics", False),
        (MIDDLE, "/ready", True),
        (NEW, "/ready", False),
        (NEW, "/ping", True),
        (NEW, "/nowhere", True),
    ],
)
def test_paths_that_need_the_key(version: str, path: str, asks: bool) -> None:
    assert behaviour.needs_key(version, path) is asks


def test_slow_health() -> None:
    assert behaviour.slow_health("0.4.10.post1", "/health") is None
    early, late = behaviour.slow_health("0.4.10.post2", "/health"), behaviour.slow_health("0.5.5.post3", "/health")
    assert early is not None
    assert late is not None
    assert (early.switch, late.switch) == (None, "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION")
    generate = behaviour.slow_health(NEW, "/health_generate")
    assert generate is not None
    assert generate.switch is None


def test_overwritten_variables() -> None:
    ours = {"NCCL_CUMEM_ENABLE", "NCCL_NVLS_ENABLE", "CUDA_DEVICE_MAX_CONNECTIONS"}
    found = [{row.variable for row in behaviour.overwritten(version)} & ours for version in THREE]
    assert found == [ours, {"CUDA_DEVICE_MAX_CONNECTIONS"}, {"CUDA_DEVICE_MAX_CONNECTIONS"}]


@pytest.mark.parametrize(
    ("version", "name", "refused"),
    [
        ("0.5.5", "a:b", False),
        ("0.5.6", "a:b", True),
        ("0.5.6", "a", False),
        (NEW, "a:b", True),
        (NEW, "s3://m", False),
    ],
)
def test_refused_names(version: str, name: str, refused: bool) -> None:
    assert bool(behaviour.refused_name(version, name)) is refused


def test_a_service_called_sglang_hits_a_variable_in_every_version() -> None:
    for version in versions():
        assert [row.variable for row in behaviour.link_variables(version)].count("SGLANG_PORT") == 1
