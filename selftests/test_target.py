"""The target: strict reading, all problems at once with their lines, waivers, and facts that are not guessed."""

import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.target import ExistingObject, MissingFact, Taint, Target, TargetError, load, parse
from seatrial.target.facts import FACTS, closest, declared
from seatrial.target.toml_lines import line_of, lines
from seatrial.target.waiver import Waiver

GOOD = """\
# where it runs
[kubernetes]
version = "v1.34.1-tke.8"

[cluster]
type = "standard"
ip_families = ["IPv4", "IPv6"]

[namespace.llm]
labels = { istio-injection = "disabled" }

[pool]
gpus_per_node = 8
nodes = 2
public_network = true
taints = ["nvidia.com/gpu=present:NoSchedule", "dedicated:NoExecute"]
subnets = [
  { zone = "ap-guangzhou-6" },
  { zone = "ap-guangzhou-6" },
]

[pool.labels]
"node.kubernetes.io/instance-type" = "PNV6.32XLARGE1280"

[stock]
ap-guangzhou-6 = ["PNV6.32XLARGE1280"]

[cfs]
read_gb_s = 2.5

[existing]
services = ["gateway/openai:80", "plain"]
secrets = ["llm/key"]

[[waiver]]
id = "IMG-03"
object = "LeaderWorkerSet/*"
reason = "the registry keeps no digests"
expires = 2027-06-30

[[waiver]]
id = "PDB-03"
object = "LeaderWorkerSet/llm/deepseek-r1"
reason = "one group only"
expires = 2027-06-30
link = "https://tracker.example.com/42"
"""


@pytest.fixture
def target_file(tmp_path):
    def write(text):
        path = tmp_path / "seatrial.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems_of(path):
    with pytest.raises(TargetError) as caught:
        load(path)
    assert all("\n" not in problem for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_good_file(target_file):
    path = target_file(GOOD)
    target = load(path)
    assert target.get("kubernetes.version") == "v1.34.1-tke.8"
    assert target.get("cluster.ip_families") == ("IPv4", "IPv6")
    assert target.get("namespace.llm.labels") == {"istio-injection": "disabled"}
    assert target.get("pool.gpus_per_node") == 8
    assert target.get("pool.taints") == (
        Taint("nvidia.com/gpu", "present", "NoSchedule"),
        Taint("dedicated", "", "NoExecute"),
    )
    assert target.get("pool.subnets[].zone") == ("ap-guangzhou-6", "ap-guangzhou-6")
    assert target.get("pool.labels") == {"node.kubernetes.io/instance-type": "PNV6.32XLARGE1280"}
    assert target.get("stock.ap-guangzhou-6") == ("PNV6.32XLARGE1280",)
    assert target.get("cfs.read_gb_s") == 2.5
    assert target.get("existing.services") == (
        ExistingObject("gateway", "openai", "80"),
        ExistingObject(None, "plain", None),
    )
    assert target.get("lws.version") is None
    assert target.source("pool.nodes") == f"{path}:14"
    assert target.source("pool.subnets[].zone") == f"{path}:17"
    assert target.source("pool.labels") == f"{path}:22"
    assert target.source("lws.version") == ""
    assert [waiver.place for waiver in target.waivers] == [f"{path}:35", f"{path}:41"]
    assert list(target.below("stock.")) == ["stock.ap-guangzhou-6"]


def test_text_without_a_file():
    assert parse(GOOD, Path("seatrial.toml")).source("pool.nodes") == "seatrial.toml:14"
    with pytest.raises(TargetError, match=r"x\.toml:1: unknown key"):
        parse("a = 1", Path("x.toml"))


def test_tables_of_an_array(target_file):
    target = load(target_file('[[pool.subnets]]\nzone = "a-1"\n[[pool.subnets]]\nzone = "a-2"\n'))
    assert target.get("pool.subnets[].zone") == ("a-1", "a-2")


def test_an_empty_file_states_nothing(target_file):
    assert load(target_file("")) == Target.empty()
    assert load(target_file(b"\xef\xbb\xbf# with a byte order mark\n[pool]\nnodes = 1\n")).get("pool.nodes") == 1


def test_all_problems_are_reported_together_in_order(target_file):
    text = """\
[pool]
gpu_per_node = 8
nodes = "2"
type = "nativ"
[kubernetes]
version = 1.30
[lws]
version = "newest"
[[waiver]]
id = "IMG"
expires = "2027-01-01"
colour = "red"
"""
    assert problems_of(target_file(text)) == [
        "2: unknown key `pool.gpu_per_node`, did you mean `pool.gpus_per_node`?",
        "3: `pool.nodes` has to be a whole number, 0 or more, without quotes",
        '4: `pool.type` has to be one of "native", "regular", "super", "registered"; did you mean "native"?',
        '6: `kubernetes.version` has to be a version in quotes, "1.3": as a number 1.30 would be 1.3',
        '8: `lws.version` has to be a version such as "0.9.0"',
        "9: waiver has no key `colour`; its keys are id, object, reason, expires, link",
        '9: waiver: `id` has to be the id of one requirement, write id = "IMG-03"',
        "9: waiver: `object` has to be Kind/name or Kind/namespace/name, * for any, "
        'write object = "LeaderWorkerSet/deepseek-r1"',
        '9: waiver: `reason` has to say why, write reason = "the registry keeps no digests"',
        "9: waiver: `expires` has to be a date without quotes, write expires = 2027-06-30",
    ]


WRONG = [
    ("nonsense = 1", "1: unknown key `nonsense`; the tables are kubernetes, cluster"),
    ("[pools]\nnodes = 1", "1: unknown key `pools`"),
    ("[cluster]\ncolour = 1", "2: unknown key `cluster.colour`; the keys of [cluster] are type, region"),
    ("[pool]\nregion = 'x'", "2: unknown key `pool.region`, did you mean `cluster.region`?"),
    ("pool = 3", "1: `pool` has to be a table"),
    ("namespace.llm = 3", "1: `namespace.llm` has to be a table"),
    ("[namespace.llm]\nlabel = {}", "2: unknown key `namespace.llm.label`, did you mean `namespace.<name>.labels`?"),
    ("[namespace.llm]\nlabels = { a = 1 }", "2: `namespace.llm.labels` has to be a table of strings"),
    ("[kubernetes]\nversion = '28'", "2: `kubernetes.version` has to be a version with at least two numbers"),
    ("[pool]\nnodes = -1", "2: `pool.nodes` has to be a whole number"),
    ("[pool]\nnodes = true", "2: `pool.nodes` has to be a whole number"),
    ("[pool]\nnodes = 2.0", "2: `pool.nodes` has to be a whole number"),
    ("[pool]\npublic_network = 'yes'", "2: `pool.public_network` has to be true or false"),
    ("[pool]\nsystem_disk_gb = nan", "2: `pool.system_disk_gb` has to be a number above 0"),
    ("[cfs]\nread_gb_s = 0", "2: `cfs.read_gb_s` has to be a number above 0"),
    ("[cfs]\nfsid = ' '", "2: `cfs.fsid` has to be a non-empty string"),
    ("[pool]\ntaints = ['gpu']", "2: `pool.taints` has to be taints written key=value:Effect"),
    ("[pool]\ntaints = 'gpu:NoSchedule'", "2: `pool.taints` has to be a list"),
    ("[pool]\nsubnets = []", "2: `pool.subnets` has to be a list of tables: [pool] subnets = [{ zone ="),
    ("[pool]\nsubnets = ['a-1']", "2: `pool.subnets` has to be a list of tables"),
    ("[[pool.subnets]]\nzone = 'a-1'\n[[pool.subnets]]\n", "3: entry 2 of `pool.subnets` has no `zone`"),
    ("[[pool.subnets]]\nzone = 'a-1'\nid = 'x'", "3: unknown key `pool.subnets[].id`"),
    ("[existing]\nsecrets = ['a/b/c']", "2: `existing.secrets` has to be names written name or namespace/name"),
    ("[stock]\n'a.b' = ['X']", "2: unknown key `stock.a.b`"),
    ("waiver = 3", "1: waivers are a list: write [[waiver]]"),
    ("waiver = [3]", "1: a waiver is a table"),
    ("[waiver]\nid = 'IMG-03'", "1: waivers are a list: write [[waiver]]"),
    ("[pool\n", "1: is not valid TOML"),
    ("[pool]\nnodes = 1\nnodes = 2\n", "3: is not valid TOML: Cannot overwrite a value"),
    ("a = '''", "1: is not valid TOML"),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_one_problem(target_file, text, says):
    (problem,) = problems_of(target_file(text))
    assert problem.startswith(says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"#" * 70_000, "is no target file"),
        (b"a=" + b"[" * 20_000, "nested too deeply"),
        (b"a=" + b"9" * 5_000, "TOML"),
        (b"a.b.c.d.e.f.g.h=1", "unknown key"),
        (b".".join([b"a"] * 2_000) + b"=1", "unknown key"),
    ],
    ids=["binary", "large", "deep", "number", "dots", "many-dots"],
)
def test_hostile_files(target_file, content, says):
    (problem,) = problems_of(target_file(content))
    assert says in problem
    assert len(problem) < 600


def test_a_file_of_another_kind_does_not_flood(target_file):
    found = problems_of(target_file("\n".join(f"key{number} = 1" for number in range(3000))))
    assert len(found) == 101
    assert "mend these 100 first" in found[-1]
    found = problems_of(target_file("[pool]\n" + "\n".join(f"key{number} = 1" for number in range(3000))))
    assert len(found) == 101


def test_a_file_that_is_not_there(tmp_path):
    assert "cannot be read" in problems_of(tmp_path / "none.toml")[0]
    assert "cannot be read" in problems_of(tmp_path)[0]


def test_a_waiver_twice(target_file):
    waiver = "[[waiver]]\nid='A-01'\nobject='K/n'\nreason='r'\nexpires=2027-01-01\n"
    path = target_file(waiver + waiver)
    assert problems_of(path) == [f"6: waives A-01 for K/n again, as {path}:1 does"]


def test_a_missing_fact_says_how_to_state_it():
    with pytest.raises(MissingFact) as caught:
        Target.empty().need("pool.nodes")
    assert caught.value.fact == "pool.nodes"
    assert "`pool.nodes`" in str(caught.value)
    assert caught.value.supply == "seatrial.toml: [pool] nodes = 2"


def test_a_fact_that_nobody_declared_is_the_rules_mistake():
    with pytest.raises(KeyError, match=r"pool\.nodes"):
        Target.empty().get("pool.node")
    with pytest.raises(KeyError):
        Target.empty().need("namespace.a.b.labels")


def test_zero_and_false_are_stated(target_file):
    target = load(target_file("[pool]\nfree_gpus = 0\npublic_network = false\ntaints = []\n"))
    assert target.need("pool.free_gpus") == 0
    assert target.need("pool.public_network") is False
    assert target.need("pool.taints") == ()


def test_options_go_before_the_file(target_file):
    path = target_file("[pool]\nnodes = 2\n")
    target = load(path).override({"pool.nodes": 4, "pool.subnets[].zone": ["a-1"]}, "--fact")
    assert (target.get("pool.nodes"), target.source("pool.nodes")) == (4, "--fact")
    assert target.get("pool.subnets[].zone") == ("a-1",)
    assert load(path).get("pool.nodes") == 2
    with pytest.raises(TargetError) as caught:
        target.override({"pool.nods": 1, "pool.type": "x"}, "--fact")
    assert caught.value.problems[0] == "--fact: unknown key `pool.nods`, did you mean `pool.nodes`?"
    assert len(caught.value.problems) == 2


def test_a_fact_is_a_place(target_file):
    path = target_file("[pool]\nnodes = 2\n")
    where = load(path).place("pool.nodes").where()
    assert (where.file, where.line, where.path, where.object) == (str(path), 2, "pool.nodes", "Target/pool.nodes")


@pytest.mark.parametrize("fact", FACTS, ids=[fact.name for fact in FACTS])
def test_every_example_is_right(fact, target_file):
    name = fact.name.replace("<name>", "llm").replace("<zone>", "ap-guangzhou-6")
    assert declared(name) is fact
    table, _, rest = fact.entry(name).partition("] ")
    target = load(target_file(f"{table}]\n{rest}\n"))
    assert target.need(name) not in ((), "", None)
    assert fact.meaning


def test_the_shipped_targets_are_right():
    files = sorted((Path(__file__).parent.parent / "manifests").glob("*/seatrial.toml"))
    assert files
    for path in files:
        assert load(path).facts


def test_the_closest_fact():
    assert closest("pool.gpu_models") == "pool.gpu_model"
    assert closest("zzz") is None


WAIVER = Waiver("IMG-03", "LeaderWorkerSet/deepseek-r1", "why", date(2027, 6, 30), "f:1")


def test_a_waiver_ends_with_its_day():
    assert not WAIVER.expired(date(2027, 6, 30))
    assert WAIVER.expired(date(2027, 7, 1))


@pytest.mark.parametrize(
    ("pattern", "object", "matches"),
    [
        ("LeaderWorkerSet/deepseek-r1", "LeaderWorkerSet/deepseek-r1", True),
        ("LeaderWorkerSet/deepseek-r1", "LeaderWorkerSet/deepseek-r10", False),
        ("LeaderWorkerSet/deepseek-r1", "Service/deepseek-r1", False),
        ("LeaderWorkerSet/*", "LeaderWorkerSet/deepseek-r1", True),
        ("*/deepseek-r1", "Service/deepseek-r1", True),
        ("*", "Service/deepseek-r1", True),
        ("Job/llm/download", "Job/llm/download", True),
        ("Job/llm/download", "Job/other/download", False),
        ("Job/llm/download", "Job/download", True),
        ("Job/download", "Job/llm/download", True),
        ("Job/*/download", "Job/llm/download", True),
        ("Job/[d]ownload", "job/download", False),
    ],
)
def test_what_a_waiver_speaks_of(pattern, object, matches):
    waiver = Waiver("IMG-03", pattern, "why", date(2027, 6, 30), "f:1")
    assert waiver.matches("IMG-03", object) is matches
    assert not waiver.matches("IMG-01", object)


def test_lines_of_keys():
    text = '''\
top = """
[not.a.table]
x = 1
"""
a.b = [ # comment ]
  "]", 2,
]
'quoted.key' = { inner = "}" }
[t]
k = 'x'
[[list]]
k = 1
[list.sub]
j = 2
[[list]]
k = 3 # [z]
'''
    tomllib.loads(text)
    assert lines(text) == {
        ("top",): 1,
        ("a",): 5,
        ("a", "b"): 5,
        ("quoted.key",): 8,
        ("t",): 9,
        ("t", "k"): 10,
        ("list",): 11,
        ("list", 0): 11,
        ("list", 0, "k"): 12,
        ("list", 0, "sub"): 13,
        ("list", 0, "sub", "j"): 14,
        ("list", 1): 15,
        ("list", 1, "k"): 16,
    }
    assert line_of(lines(text), ("list", 1, "nowhere")) == 15
    assert line_of(lines(text), ("nowhere",)) == 1


scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=12)
    | st.dates()
    | st.sampled_from(["native", "1.30", "a:NoSchedule", "llm/x:80"])
)
keys = st.sampled_from(
    ["pool", "nodes", "subnets", "zone", "waiver", "id", "object", "reason", "expires", "namespace", "labels", "stock"]
) | st.text(max_size=8)
documents = st.dictionaries(
    keys,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)),
    max_size=5,
)


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" if not 0xD800 <= ord(char) < 0xE000 else "" for char in value) + '"'
    return value.isoformat() if isinstance(value, date) else repr(value)


@settings(max_examples=150, deadline=None)
@given(documents)
def test_any_toml_is_a_target_or_an_error(tmp_path_factory, document):
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in document.items())
    _loads_or_complains(tmp_path_factory, text.encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="[]{}='\"\n#.,ab1 \\", max_size=60).map(str.encode))
def test_any_bytes_are_a_target_or_an_error(tmp_path_factory, content):
    _loads_or_complains(tmp_path_factory, content)


def _loads_or_complains(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    problems = _problems(path)
    assert problems is None or problems
    assert all(problem.startswith(str(path)) and "\n" not in problem for problem in problems or ())


def _problems(path):
    try:
        load(path)
    except TargetError as error:
        return error.problems
    return None


def test_taints_may_be_written_as_nodes_have_them(tmp_path: Path) -> None:
    path = tmp_path / "seatrial.toml"
    path.write_text('[pool]\ntaints = [{ key = "a/b", effect = "NoSchedule" }, "c=d:NoExecute"]\n')
    assert [tuple(taint) for taint in load(path).need("pool.taints")] == [
        ("a/b", "", "NoSchedule"),
        ("c", "d", "NoExecute"),
    ]
