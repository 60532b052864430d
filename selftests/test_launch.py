"""From a container to SGLang's arguments: the kubelet's share, real launch scripts, and what cannot be told."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.manifests.launch import Environment, Launch, Word, container_environment, download_of, resolve

LWS = (("LWS_LEADER_ADDRESS", "deepseek-r1-0.deepseek-r1.default"), ("LWS_GROUP_SIZE", "2"), ("LWS_WORKER_INDEX", "1"))
WORKER_INDEX = "metadata.labels['leaderworkerset.sigs.k8s.io/worker-index']"
POD_INDEX = "metadata.labels['apps.kubernetes.io/pod-index']"
FIELDS = {WORKER_INDEX: "1", POD_INDEX: "1", "metadata.name": "deepseek-r1-0-1"}


def environment_of(
    container: dict[str, Any], injected: tuple[tuple[str, str], ...] = LWS, **options: Any
) -> Environment:
    config = {("ConfigMap", "settings", "tp"): "16"}
    return container_environment(
        container, injected, FIELDS.get, lambda kind, name, key: config.get((kind, name, key)), **options
    )


def launch(container: dict[str, Any], injected: tuple[tuple[str, str], ...] = LWS) -> Launch:
    return resolve(container, environment_of(container, injected))


def script(text: str, env: dict[str, Any] | None = None, shell: str = "bash", options: str = "-c") -> dict[str, Any]:
    entries = [
        {"name": name, "value": value} if isinstance(value, str) else {"name": name, "valueFrom": value}
        for name, value in (env or {}).items()
    ]
    return {"image": "lmsysorg/sglang:v0.5.9", "command": [shell, options, text], "env": entries}


def texts(words: tuple[Word, ...] | None) -> list[str]:
    assert words is not None
    return [word.text for word in words]


def after(found: Launch, flag: str) -> Word:
    assert found.argv is not None
    return found.argv[texts(found.argv).index(flag) + 1]


def problems(found: Launch) -> list[tuple[str, str]]:
    return [(problem.kind, problem.variable) for problem in found.problems]


SECRET = {"secretKeyRef": {"name": "api", "key": "key"}}

# The guide of February 2025: worker of its LeaderWorkerSet.
GUIDE_2025 = """\
set -x
exec python3 -m sglang.launch_server \\
  --model-path /data/DeepSeek-R1 \\
  --nnodes $LWS_GROUP_SIZE \\
  --tp 4 \\
  --node-rank $ORDINAL_NUMBER \\
  --dist-init-addr $(LWS_LEADER_ADDRESS):5000 \\
  --trust-remote-code
"""

# The guide of today: leader.
GUIDE_2026 = """\
set -x
MODEL_DIRECTORY="${MODEL_DIRECTORY:-MODEL_NAME}"

ARGS=(
  --model-path "/data/model/$MODEL_DIRECTORY"
  --served-model-name $MODEL_NAME
  --nnodes $LWS_GROUP_SIZE
  --tp $TOTAL_GPU
  --node-rank $LWS_WORKER_INDEX
  --dist-init-addr $LWS_LEADER_ADDRESS:5000
  --enable-metric --watchdog-timeout 3600
  --trust-remote-code
)
if [[ -n "$API_KEY" ]]; then
  ARGS+=(--api-key "$API_KEY")
fi
exec python3 -m sglang.launch_server "${ARGS[@]}" --host 0.0.0.0 --port 30000
"""
TODAY = {"LWS_WORKER_INDEX": {"fieldRef": {"fieldPath": WORKER_INDEX}}, "TOTAL_GPU": "16",
         "MODEL_DIRECTORY": "DeepSeek-R1", "MODEL_NAME": "DeepSeek-R1", "API_KEY": ""}  # fmt: skip


def test_the_guide_of_2025() -> None:
    found = launch(script(GUIDE_2025, {"ORDINAL_NUMBER": {"fieldRef": {"fieldPath": POD_INDEX}}}))
    assert (found.form, found.shell, found.engine) == ("script", "bash", "sglang")
    assert found.launcher == "python3 -m sglang.launch_server"
    assert texts(found.argv) == [
        "--model-path", "/data/DeepSeek-R1", "--nnodes", "2", "--tp", "4", "--node-rank", "1",
        "--dist-init-addr", "deepseek-r1-0.deepseek-r1.default:5000", "--trust-remote-code",
    ]  # fmt: skip
    assert after(found, "--node-rank").sources == {"ORDINAL_NUMBER", POD_INDEX}
    assert after(found, "--dist-init-addr").sources == {"LWS_LEADER_ADDRESS"}
    tp = after(found, "--tp")
    assert (tp.path, tp.line, tp.column) == (("command", 2), 4, 7)
    assert found.traces
    assert found.trace_place == (("command", 2), 0)
    assert not found.problems
    assert found.uncertain is None


def test_the_guide_of_today() -> None:
    found = launch(script(GUIDE_2026, TODAY), LWS[:2])
    assert texts(found.argv)[:4] == ["--model-path", "/data/model/DeepSeek-R1", "--served-model-name", "DeepSeek-R1"]
    assert "--api-key" not in texts(found.argv)
    assert after(found, "--tp").sources == {"TOTAL_GPU"}
    assert after(found, "--node-rank").sources == {"LWS_WORKER_INDEX", WORKER_INDEX}
    assert problems(found) == [("default is a name", "MODEL_NAME")]
    assert found.problems[0].line == 1


def test_a_key_from_a_secret_makes_words_uncertain() -> None:
    found = launch(script(GUIDE_2026, {**TODAY, "API_KEY": SECRET}))
    key = after(found, "--api-key")
    assert not key.known
    assert not key.certain
    assert key.sources == {"API_KEY"}
    assert after(found, "--host").certain
    assert len(found.alternatives) == 2
    assert found.uncertain is None


def test_without_injection_the_worker_index_is_undefined() -> None:
    found = launch(script("python3 -m sglang.launch_server --node-rank $LWS_WORKER_INDEX --tp 8"), LWS[:2])
    assert texts(found.argv) == ["--node-rank", "--tp", "8"]
    assert problems(found) == [("undefined", "LWS_WORKER_INDEX")]


def test_a_reference_that_the_kubelet_leaves_is_a_command_to_bash() -> None:
    found = launch(script("python3 -m sglang.launch_server --dist-init-addr $(LWS_LEADER_ADDRESS):5000"), ())
    assert texts(found.argv) == ["--dist-init-addr", ":5000"]
    assert problems(found) == [("kubelet reference in script", "LWS_LEADER_ADDRESS")]


def test_the_kubelet_does_not_look_inside_a_substitution() -> None:
    """Its name runs to the first closing parenthesis, so the inner reference is never seen."""
    found = launch(script("A=$(nslookup $(LWS_LEADER_ADDRESS)); sglang serve --x $A"))
    assert ("kubelet reference in script", "LWS_LEADER_ADDRESS") in problems(found)


EXEC = {"command": ["python3", "-m", "sglang.launch_server"], "env": [{"name": "TP", "value": "16"}]}


@pytest.mark.parametrize(
    ("args", "expected", "found_problems"),
    [
        (["--tp=$(TP)"], ["--tp=16"], []),
        (["--tp=$TP"], ["--tp=$TP"], [("dollar in exec form", "TP")]),
        (["--tp", "${TP}"], ["--tp", "${TP}"], [("dollar in exec form", "TP")]),
        (["--x=$$(TP)"], ["--x=$(TP)"], []),
        (["--x=$$TP"], ["--x=$TP"], []),
        (["--x=$(NOPE)"], ["--x=$(NOPE)"], [("undefined", "NOPE")]),
        (["--x=$(hostname)"], ["--x=$(hostname)"], [("dollar in exec form", "hostname")]),
        (["--key=pa$word", "$", "a$"], ["--key=pa$word", "$", "a$"], []),
        (["--n=$(LWS_GROUP_SIZE)$(TP)"], ["--n=216"], []),
        ([1, True, 2.5], ["1", "True", "2.5"], []),
    ],
)
def test_exec_form(args: list[Any], expected: list[str], found_problems: list[tuple[str, str]]) -> None:
    found = launch({**EXEC, "args": args})
    assert found.form == "exec"
    assert texts(found.argv) == expected
    assert problems(found) == found_problems
    assert [word.path for word in found.argv or ()] == [("args", at) for at in range(len(args))]


START = "python3 -m sglang.launch_server --x"


@pytest.mark.parametrize(
    "command",
    [
        ["python3", "-m", "sglang.launch_server", "--x"],
        ["/usr/bin/python", "-u", "-X", "dev", "-m", "sglang.launch_server", "--x"],
        ["python3.11", "/sgl-workspace/sglang/python/sglang/launch_server.py", "--x"],
        ["sglang", "serve", "--x"],
        ["/usr/local/bin/sglang", "serve", "--x"],
        ["bash", "-c", START],
        ["/bin/bash", "-lc", START],
        ["bash", "-euxo", "pipefail", "-c", START],
        ["bash", "-c", "-e", START],
        ["sh", "-ec", "exec " + START],
        ["env", "bash", "-c", START],
        ["/usr/bin/env", "A=b", "python3", "-m", "sglang.launch_server", "--x"],
        ["/usr/bin/tini", "--", "bash", "-c", START],
        ["tini", "-s", "-g", "--", "python3", "-m", "sglang.launch_server", "--x"],
        ["dumb-init", "bash", "-c", START],
        ["numactl", "--cpunodebind=0", "-m", "0", "python3", "-m", "sglang.launch_server", "--x"],
        ["/opt/nvidia/nvidia_entrypoint.sh", "python3", "-m", "sglang.launch_server", "--x"],
        ["timeout", "-k", "5", "3600", "bash", "-c", START],
        ["busybox", "sh", "-c", START],
        ["bash", "-c", "nohup stdbuf -oL nice -n 5 " + START + " > /log 2>&1"],
        ["bash", "-c", "ulimit -l unlimited && " + START + " 2>&1 | tee /log"],
        ["bash", "-c", START + " & wait"],
        ["bash", "-c", "bash -c '" + START + "'"],
        ["bash", "-c", "cat > /run.sh <<'EOF'\n" + START + "\nEOF\nchmod +x /run.sh\nbash /run.sh"],
        ["bash", "-c", "start() { python3 -m sglang.launch_server \"$@\"; }; start --x"],
        ["bash", "-c", "CMD='" + START + "'; eval \"$CMD\""],
        ["bash", "-c", "CMD='" + START + "'; exec $CMD"],
        ["bash", "-c", "while true; do " + START + "; sleep 5; done"],
        ["bash", "-c", "pip install -q nixl && " + START],
        ["bash", "-c", "nvidia-smi || exit 1\n" + START],
        ["bash", "-c", "until nslookup $(LWS_LEADER_ADDRESS); do sleep 1; done; " + START],
        ["bash", "-c", "until (echo > /dev/tcp/$LWS_LEADER_ADDRESS/5000) 2>/dev/null; do sleep 1; done; " + START],
        ["bash", "-c", "for i in $(seq 1 60); do getent hosts x && break; sleep 5; done\n" + START],
        ["bash", "-c", "while :; do if ping -c1 x; then break; fi; sleep 1; done; " + START],
        ["bash", "-c", "if [ \"$LWS_WORKER_INDEX\" = 0 ]; then echo leader; else " + START + "; fi"],
        ["bash", "-c", "case $LWS_WORKER_INDEX in 0) echo;; *) " + START + ";; esac"],
        ["bash", "-c", "trap 'kill 0' TERM; cd /sgl-workspace; export A=b; . /etc/profile; " + START],
        ["bash", "-c", "sleep infinity & " + START],
        ["bash", "-c", "coproc x { y; }; " + START],
    ],
    ids=range(39),
)  # fmt: skip
def test_ways_to_start_sglang(command: list[str]) -> None:
    found = launch({"command": command})
    assert found.engine == "sglang"
    assert texts(found.argv) == ["--x"]
    assert not found.problems


def test_args_alone_go_to_the_entry_point_of_the_image() -> None:
    args = ["python3", "-m", "sglang.launch_server", "--x"]
    for image in ("lmsysorg/sglang:v0.5.9", "ccr.ccs.tencentyun.com/acme/sglang@sha256:0", "lmsysorg/sglang"):
        assert texts(launch({"image": image, "args": args}).argv) == ["--x"]
    for image in ("acme/server:1", "lmsysorg/sglang-router:1", "lmsysorg/other"):
        found = launch({"image": image, "args": args})
        assert found.argv is None
        assert found.engine is None
        assert image in (found.unresolved or "")
    assert launch({"image": "lmsysorg/sglang:v0.5.9", "args": ["--model-path", "/x"]}).argv is None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([], "neither command nor args"),
        (["bash", "/scripts/start.sh"], "/scripts/start.sh, which is not part of the manifests"),
        (["bash", "-c", "/scripts/start.sh"], "'/scripts/start.sh'"),
        (["python3", "/app/main.py"], "no command starts SGLang"),
        (["bash", "-c", "echo 'never closed"], "does not parse"),
        (["bash", "-c", "eval $(cat /x)"], "not known"),
        (["nsys", "profile", "-o", "x", "python3", "-m", "sglang.launch_server"], "through nsys"),
        (["bash", "-c", "pgrep -f sglang.launch_server"], "no command starts SGLang"),
        (["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "x"], "no command starts SGLang"),
        (["vllm", "serve", "x"], "no command starts SGLang"),
        (["bash", "-c", "ray start --head --port=6379; vllm serve x -tp 16"], "vllm serve"),
        (["sh", "-c", "bash /vllm-workspace/examples/multi-node-serving.sh worker --ray_address=$(LWS_LEADER_ADDRESS)"], "no command"),
        (["bash", "-c", "/app/llama-server -m /models/x.gguf --rpc $(LWS_LEADER_ADDRESS):50052"], "llama-server"),
        (["bash", "-c", "mpirun -n 16 --allow-run-as-root trtllm-llmapi-launch trtllm-serve x"], "mpirun"),
        (["python3", "-m", "sglang_router.launch_router", "--port", "8000"], "no command starts SGLang"),
        (["bash", "-c", "python3 -m sglang.bench_serving --port 30000"], "no command starts SGLang"),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_cannot_be_resolved_is_said(command: list[str], reason: str) -> None:
    found = launch({"command": command} if command else {})
    assert found.argv is None
    assert found.engine is None
    assert reason in (found.unresolved or "")


def test_a_launch_on_some_ways_only_is_uncertain() -> None:
    found = launch(script("if [ -f /ready ]; then sglang serve --x; fi"))
    assert texts(found.argv) == ["--x"]
    assert "-f /ready" in (found.uncertain or "")


def test_words_that_differ_between_ways_are_not_known() -> None:
    found = launch(script("if [ -f /big ]; then TP=16; else TP=8; fi; sglang serve --tp $TP"))
    assert [(word.text, word.known) for word in found.argv or ()] == [("--tp", True), ("16|8", False)]
    assert [texts(words) for words in found.alternatives] == [["--tp", "16"], ["--tp", "8"]]


def test_optional_variables_are_no_finding() -> None:
    text = """
if [ -n "$EXTRA" ]; then ARGS="--y"; fi
[ "$DEBUG" = 1 ] && set -x
[[ $QUIET == yes ]] || true
LD_LIBRARY_PATH=/opt:$LD_LIBRARY_PATH
LIST="$LIST --z"
echo $HOME $PATH $1 "$@" $RANDOM $CUDA_HOME ${NCCL_DEBUG:-INFO} ${HF_TOKEN:+x}
sglang serve $ARGS
"""
    found = launch(script(text))
    assert problems(found) == []
    assert texts(found.argv) == []


def test_variables_of_unknown_objects_may_be_set() -> None:
    container = script("sglang serve --a $ANY --b $(ALSO)")
    container["envFrom"] = [{"configMapRef": {"name": "elsewhere"}}]
    found = launch(container)
    assert problems(found) == []
    assert not any(word.known for word in (after(found, "--a"), after(found, "--b")))


def test_a_default_that_equals_no_variable_is_fine() -> None:
    assert problems(launch(script("sglang serve --log-level ${LEVEL:-INFO} ${MODE:=FAST}"))) == []


def test_rank_from_the_host_name() -> None:
    found = launch(script("RANK=${HOSTNAME##*-}; sglang serve --node-rank $RANK", {"HOSTNAME": "deepseek-r1-0-3"}))
    assert after(found, "--node-rank") == Word("3", True, True, frozenset({"HOSTNAME"}), ("command", 2), 0, 47)
    computed = launch(script("sglang serve --node-rank $(hostname | awk -F- '{print $NF}')", {"HOSTNAME": "a-3"}))
    rank = after(computed, "--node-rank")
    assert not rank.known
    assert rank.sources == {"HOSTNAME"}


def test_a_broken_continuation_ends_the_command() -> None:
    """A blank behind the backslash: the rest of the flags is a command of its own."""
    found = launch(script("sglang serve --a 1 \\ \n  --b 2"))
    assert texts(found.argv) == ["--a", "1", " "]


def test_the_environment_of_the_engine_holds_exports() -> None:
    found = launch(script("export NCCL_SOCKET_IFNAME=eth0\nLOCAL=x\nGLOO_SOCKET_IFNAME=eth1 sglang serve"))
    assert found.environment["NCCL_SOCKET_IFNAME"].text == "eth0"
    assert found.environment["GLOO_SOCKET_IFNAME"].text == "eth1"
    assert found.environment["LWS_GROUP_SIZE"].text == "2"
    assert "LOCAL" not in found.environment


@pytest.mark.parametrize(
    ("command", "traces", "place"),
    [
        (["bash", "-c", "set -x\nsglang serve"], True, (("command", 2), 0)),
        (["bash", "-c", "echo\nset -euxo pipefail\nsglang serve"], True, (("command", 2), 1)),
        (["bash", "-c", "set -o xtrace; sglang serve"], True, (("command", 2), 0)),
        (["bash", "-xc", "sglang serve"], True, (("command", 1), 0)),
        (["bash", "-o", "xtrace", "-c", "sglang serve"], True, (("command", 2), 0)),
        (["bash", "-c", "set -x; ls; set +x; sglang serve"], False, None),
        (["bash", "-c", "set -e; sglang serve"], False, None),
        (["sglang", "serve"], False, None),
    ],
)
def test_traces(command: list[str], traces: bool, place: Any) -> None:
    found = launch({"command": command})
    assert (found.traces, found.trace_place) == (traces, place)


def test_loops_that_wait_for_the_leader_are_seen() -> None:
    found = launch(script("until getent hosts $LWS_LEADER_ADDRESS; do sleep 2; done; sglang serve"))
    waits = [c for c in found.commands if c.loop and any("LWS_LEADER_ADDRESS" in w.sources for w in c.words)]
    assert [command.name for command in waits] == ["getent"]
    found = launch(script("until echo > /dev/tcp/$LWS_LEADER_ADDRESS/5000; do sleep 2; done; sglang serve"))
    assert [c.name for c in found.commands if c.loop and c.targets] == ["echo"]


def test_environment_as_the_kubelet_builds_it() -> None:
    container = {
        "name": "engine",
        "resources": {"limits": {"memory": "8Gi", "nvidia.com/gpu": "8", "cpu": "1500m"}},
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "known"}}, {"secretRef": None}, "junk"],
        "env": [
            {"name": "LWS_GROUP_SIZE", "value": "99"},
            {"name": "EARLY", "value": "$(LATE)"},
            {"name": "LATE", "value": "1"},
            {"name": "TWICE", "value": "a"},
            {"name": "TWICE", "value": "$(TWICE)b"},
            {"name": "ADDRESS", "value": "$(LWS_LEADER_ADDRESS):5000 $$(LATE) $(P_k)"},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "NODE_CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.x"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "TP", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "tp"}}},
            {"name": "KEY", "valueFrom": SECRET},
            {"name": "NUMBER", "value": 5},
            {"name": "EMPTY"},
            {"name": None},
            None,
        ],
    }
    environment = container_environment(
        container,
        LWS,
        FIELDS.get,
        lambda kind, name, key: {"k": "v", "tp": "16"}.get(key),
        keys=lambda kind, name: ["k"],
    )
    known = {name: value.text for name, value in environment.values.items() if value.known}
    assert known == {
        **dict(LWS), "P_k": "v", "EARLY": "$(LATE)", "LATE": "1", "TWICE": "ab", "EMPTY": "", "NUMBER": "5",
        "ADDRESS": "deepseek-r1-0.deepseek-r1.default:5000 $(LATE) v", "MEMORY": "8192", "CPU": "2",
        "POD": "deepseek-r1-0-1", "TP": "16",
    }  # fmt: skip
    address = environment.get("ADDRESS")
    assert address is not None
    assert address.sources == {"ADDRESS", "LWS_LEADER_ADDRESS", "P_k"}
    assert not environment.may_be_set("OTHER")
    assert environment.may_be_set("KUBERNETES_SERVICE_HOST")
    assert "NOPE" not in environment


def test_service_links_may_set_variables() -> None:
    assert container_environment({}, (), FIELDS.get, lambda *_: None, links=True).may_be_set("SGLANG_PORT")
    assert not container_environment({}, (), FIELDS.get, lambda *_: None).may_be_set("SGLANG_PORT")


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"command": ["modelscope", "download", "--local_dir=/data/DeepSeek-R1", "--model=deepseek-ai/DeepSeek-R1"]},
         ("modelscope", "deepseek-ai/DeepSeek-R1", "/data/DeepSeek-R1")),
        (script("modelscope download --model $M --local_dir /data/$M --exclude '*.md' '*.png'", {"M": "deepseek-ai/DeepSeek-R1"}),
         ("modelscope", "deepseek-ai/DeepSeek-R1", "/data/deepseek-ai/DeepSeek-R1")),
        (script("pip install modelscope && modelscope download deepseek-ai/DeepSeek-R1 --cache_dir /data"),
         ("modelscope", "deepseek-ai/DeepSeek-R1", "/data")),
        (script("if [ -f /data/.done ]; then exit 0; fi; huggingface-cli download deepseek-ai/DeepSeek-R1 config.json --local-dir /data"),
         ("huggingface", "deepseek-ai/DeepSeek-R1", "/data")),
        (script("hf download --repo-type model deepseek-ai/DeepSeek-R1 --local-dir=/d", {"HF_ENDPOINT": "https://hf-mirror.com"}),
         ("huggingface", "deepseek-ai/DeepSeek-R1", "/d")),
        (script("until modelscope download --model a/b --local_dir /d; do sleep 9; done"), ("modelscope", "a/b", "/d")),
        (script("git lfs install; git clone --depth 1 https://www.modelscope.cn/deepseek-ai/DeepSeek-R1.git /data/R1"),
         ("git", "deepseek-ai/DeepSeek-R1", "/data/R1")),
        (script("git clone https://huggingface.co/deepseek-ai/DeepSeek-R1"), ("git", "deepseek-ai/DeepSeek-R1", "DeepSeek-R1")),
        ({"command": ["python3", "-c", "from modelscope import snapshot_download\nsnapshot_download('a/b', local_dir='/d')"]},
         ("modelscope", "a/b", "/d")),
        (script("python3 - <<'EOF'\nfrom huggingface_hub import snapshot_download\nsnapshot_download(repo_id='a/b', local_dir='/d')\nEOF"),
         ("huggingface", "a/b", "/d")),
        ({"command": ["python3", "-m", "modelscope.cli.cli", "download", "--model", "a/b"]}, ("modelscope", "a/b", None)),
        (script("modelscope download --dataset a/b --local_dir /d"), None),
        (script("echo modelscope download --model a/b"), None),
        (script("git clone https://github.com/sgl-project/sglang /src"), None),
        (script("sglang serve --download-dir /d"), None),
        ({"command": ["python3", "-c", "snapshot_download("]}, None),
        ({"command": "modelscope download"}, None),
        ({}, None),
    ],
    ids=range(18),
)  # fmt: skip
def test_downloads(container: dict[str, Any], expected: tuple[str, str | None, str | None] | None) -> None:
    found = download_of(container, environment_of(container))
    if found is None or expected is None:
        assert (found, expected) == (None, None)
        return
    assert (
        found.tool,
        found.repository and found.repository.text,
        found.directory and found.directory.text,
    ) == expected


def test_a_download_is_uncertain_when_a_way_skips_it() -> None:
    container = script("if [ -f /d/.done ]; then exit 0; fi; modelscope download --model a/b")
    found = download_of(container, environment_of(container))
    assert found is not None
    assert not found.certain


_RAW = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["bash", "-c", "$(A)", "sglang serve $A"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(max_size=4), st.integers(),
        st.sampled_from(["name", "value", "valueFrom", "fieldRef", "configMapRef", "secretKeyRef", "limits", "fieldPath"])), inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("command", "args", "env", "envFrom", "image", "name", "resources"), _RAW)
    )
)
def test_wrong_types_never_raise(container: dict[str, Any]) -> None:
    environment = environment_of(container)
    assert resolve(container, environment).form in {"exec", "script", "none"}
    download_of(container, environment)
