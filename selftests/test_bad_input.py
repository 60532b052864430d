"""Every way in which input can be unusable ends in one clear line per problem, before anything is judged."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from seatrial.trial import Trial, UsageError

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n"
TODAY = date(2026, 11, 24)


def problems(manifests: list[str], target: str | None = None, crd: str | None = None) -> list[str]:
    with pytest.raises(UsageError) as caught:
        Trial(manifests, target, "default", crd, TODAY).check()
    assert all("\n" not in line and len(line) < 400 for line in caught.value.problems)
    return caught.value.problems


def folder(tmp_path: Path, **files: str | bytes) -> str:
    for name, content in files.items():
        path = tmp_path / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(tmp_path)


def test_missing_path(tmp_path: Path) -> None:
    [line] = problems([str(tmp_path / "nowhere")])
    assert "no such file or folder" in line


def test_empty_folder(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path)])
    assert "no manifests in this folder" in line


def test_folder_without_yaml(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, README_md="# hi")])
    assert "*.yaml" in line


def test_only_comments(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, a_yaml="# nothing\n---\n# here\n")])
    assert "hold no object" in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x7fELF\x00\x01\xff", "not UTF-8"),
        ("kind: é".encode("utf-16"), "UTF-16"),
        (b"a: b\x00", "NUL byte"),
        (b"a: 'x\nb: c\n", "not YAML"),
        (b"a:\n\tb: c\n", "tab"),
        (b"image: {{ .Values.image }}\n", "not rendered"),
        (b"x" * (17 * 1024 * 1024), "larger than 16 MiB"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes, expected: str) -> None:
    [line] = problems([folder(tmp_path, a_yaml=content, b_yaml=POD)])
    assert expected in line
    assert "a.yaml" in line


def test_a_kustomization_that_changes_objects(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, a_yaml=POD, kustomization_yaml="resources: [a.yaml]\nnamePrefix: x-\n")])
    assert "kustomization.yaml: kustomize changes these files (namePrefix)" in line


def test_a_kustomization_that_only_lists_files(tmp_path: Path) -> None:
    path = folder(tmp_path, a_yaml=POD, kustomization_yaml="resources:\n- a.yaml\n")
    [manifests] = Trial([path], None, "default", None, TODAY).sets
    assert [document.title for document in manifests.documents] == ["Pod/a"]


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    lines = problems([folder(tmp_path, a_yaml="a: 'x", b_yaml="\tb", c_yaml=POD)])
    assert [Path(line.partition(":")[0]).name for line in lines] == ["a.yaml", "b.yaml"]


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = folder(tmp_path, a_yaml=POD)
    monkeypatch.setattr(Path, "open", refuse)
    [line] = problems([path])
    assert "Permission denied" in line


def target(text: str) -> Callable[[Path], list[str]]:
    return lambda tmp_path: problems([folder(tmp_path, a_yaml=POD, seatrial_toml=text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[pool\n", "not valid TOML"),
        ("[pol]\nnodes = 2\n", "pool"),
        ("[pool]\nnodse = 2\n", "pool.nodes"),
        ('[pool]\nnodes = "two"\n', "pool.nodes"),
        ('[lws]\nversion = "nine"\n', "lws.version"),
        ('[[waiver]]\nid = "TOP-01"\nobject = "*"\nreason = ""\nexpires = 2027-01-01\n', "reason"),
        ('[[waiver]]\nid = "TOP-01"\nobject = "*"\nreason = "x"\nexpires = 2026-01-01\n', "expired on 2026-01-01"),
        ('[[waiver]]\nid = "TPO-01"\nobject = "*"\nreason = "x"\nexpires = 2027-01-01\n', "TOP-01"),
    ],
)
def test_bad_targets(tmp_path: Path, text: str, expected: str) -> None:
    lines = target(text)(tmp_path)
    assert any(expected in line and "seatrial.toml:" in line for line in lines), lines


def test_missing_target_file(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, a_yaml=POD)], target=str(tmp_path / "no.toml"))
    assert "no.toml" in line


def test_an_empty_path_is_not_the_current_folder() -> None:
    [line] = problems([""])
    assert "an empty path" in line


def test_a_path_that_is_too_long() -> None:
    [line] = problems(["x" * 5000])
    assert "File name too long" in line


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path)
    (tmp_path / "two").symlink_to(tmp_path)
    [line] = problems([str(tmp_path)])
    assert "no manifests in this folder" in line


def test_a_link_that_leads_nowhere_is_not_left_out(tmp_path: Path) -> None:
    path = folder(tmp_path, a_yaml=POD)
    (tmp_path / "b.yaml").symlink_to("nowhere")
    [line] = problems([path])
    assert "b.yaml: cannot be read: No such file" in line


def test_a_pipe_that_nobody_writes_to_ends_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    [line] = problems([str(tmp_path / "pipe")])
    assert "hold no object" in line
    assert Trial([folder(tmp_path, a_yaml=POD)], str(tmp_path / "pipe"), "default", None, TODAY).sets


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, POD.encode())
    os.close(theirs)
    [manifests] = Trial([f"/dev/fd/{ours}"], None, "default", None, TODAY).sets
    os.close(ours)
    assert [document.title for document in manifests.documents] == ["Pod/a"]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_target_file_that_cannot_be_read_is_not_left_out(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = folder(tmp_path, a_yaml=POD)
    make(tmp_path / "seatrial.toml")
    [line] = problems([path])
    assert "seatrial.toml: cannot be read" in line


@pytest.mark.parametrize("namespace", ["", "A b", "a" * 64])
def test_a_namespace_that_none_can_have(tmp_path: Path, namespace: str) -> None:
    with pytest.raises(UsageError, match="--namespace"):
        Trial([folder(tmp_path, a_yaml=POD)], None, namespace, None, TODAY).check()


def test_a_path_named_twice_counts_once(tmp_path: Path) -> None:
    path = folder(tmp_path, a_yaml=POD)
    assert len(Trial([path, f"{path}/.", path], None, "default", None, TODAY).sets) == 1
    [manifests] = Trial([f"{path}/a.yaml", f"{path}/../{tmp_path.name}/a.yaml"], None, "default", None, TODAY).sets
    assert len(manifests.documents) == 1


def test_the_report_of_an_earlier_run_is_no_manifest(tmp_path: Path) -> None:
    path = folder(tmp_path, a_yaml=POD, report_json="{}", results_jsonl="")
    [manifests] = Trial([path], None, "default", None, TODAY).sets
    assert [document.title for document in manifests.documents] == ["Pod/a"]


def test_utf_32(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, a_yaml=POD.encode("utf-32"))])
    assert "iconv -f UTF-32" in line


def test_a_control_character_is_named_with_its_line(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, a_yaml="a: é\nb: \x01\n")])
    assert "a.yaml:2: not YAML: control character U+0001" in line


@pytest.mark.parametrize("name", ["Kustomization", "kustomization.yml"])
def test_every_name_of_a_kustomization(tmp_path: Path, name: str) -> None:
    path = folder(tmp_path, a_yaml=POD)
    (tmp_path / name).write_text("resources: [a.yaml]\nnamePrefix: x-\n")
    [line] = problems([path])
    assert "kustomize changes these files" in line


def test_a_chart_has_to_be_rendered(tmp_path: Path) -> None:
    [line] = problems([folder(tmp_path, Chart_yaml="apiVersion: v2\nname: x\n", values_yaml="a: b\n", a_yaml=POD)])
    assert "Chart.yaml" in line
    assert "helm template" in line


def test_items_of_a_typed_list_need_no_kind(tmp_path: Path) -> None:
    path = folder(tmp_path, a_yaml="apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n")
    [manifests] = Trial([path], None, "default", None, TODAY).sets
    assert [(document.title, document.api_version) for document in manifests.documents] == [("Pod/a", "v1")]
