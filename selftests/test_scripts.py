"""Scripts out of ConfigMaps, read in place of their files."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.target import Target
from seatrial.workload.scripts import command
from seatrial.workload.serving import groups

SET = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: run}}
data:
  run.sh: |
    #!/bin/bash
    RANK=${{LWS_WORKER_INDEX:-$(hostname)}}
    exec python3 -m sglang.launch_server --model-path /data --nnodes $LWS_GROUP_SIZE "$@"
---
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: x}}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:
        containers:
        - name: sglang
          image: lmsysorg/sglang:v0.5.9
          command: {command}
          args: {args}
          volumeMounts: [{{name: run, mountPath: {mount}}}]
        volumes: [{{name: run, configMap: {{name: run}}}}]
"""


@pytest.mark.parametrize(
    ("words", "mount"),
    [
        ("[bash, /scripts/run.sh]", "/scripts"),
        ("[/bin/bash, -eu, /scripts/run.sh]", "/scripts"),
        ("[/scripts/run.sh]", "/scripts/"),
        ("[bash, /scripts/run.sh]", "/scripts/run.sh, subPath: run.sh"),
    ],
)
def test_script_of_the_set_is_read(words: str, mount: str) -> None:
    manifests = load_texts(
        "set", {"a.yaml": SET.format(command=words, args="[--tp-size=2]", mount=mount)}, Target.empty()
    )
    (group,) = groups(manifests)
    assert group.leader.argv == ("--model-path", "/data", "--nnodes", "2", "--tp-size=2")
    place = group.leader.place("nnodes").where()
    assert (place.line, "data" in place.path) == (9, True)


@pytest.mark.parametrize(
    "words", ["[bash, /elsewhere/run.sh]", "[bash, -c, /scripts/run.sh]", "[python3, /scripts/run.sh]", "[]"]
)
def test_other_commands_stay_as_they_are(words: str) -> None:
    manifests = load_texts("set", {"a.yaml": SET.format(command=words, args="[]", mount="/scripts")}, Target.empty())
    template = manifests.pod_templates[0]
    assert command(manifests, template, template.containers[0]).script is None
