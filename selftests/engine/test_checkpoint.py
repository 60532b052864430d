"""A model's folder: downloaded by the hubs' command lines, complete, resumable, and checked when an engine starts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.engine import shim
from seatrial.engine.answers.words import filler
from seatrial.engine.checkpoint import contents, download, tokenizer
from seatrial.engine.checkpoint.verify import first_fault
from seatrial.knowledge import models

R1 = "deepseek-ai/DeepSeek-R1"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def image(tmp_path: Path) -> dict[str, str]:
    """The environment of a container that has the engine's files."""
    shim.install(tmp_path / "image")
    paths = {"PATH": f"{tmp_path}/image/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEATRIAL_ENGINE_")}
    return inherited | paths | {"PYTHONPATH": f"{tmp_path}/image/lib:{ROOT / 'src'}"}


def run(image: dict[str, str], *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*words], env=image | more, text=True, capture_output=True, timeout=60, check=False)


def folder_of(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize(
    "words",
    [
        ["modelscope", "download", "--model", R1, "--local_dir", "DIR"],
        ["huggingface-cli", "download", R1, "--local-dir", "DIR"],
        ["hf", "download", R1, "--local-dir", "DIR"],
    ],
)
def test_a_download_is_complete(tmp_path: Path, image: dict[str, str], words: list[str]) -> None:
    target = tmp_path / "model"
    done = run(image, *[word.replace("DIR", str(target)) for word in words])
    assert done.returncode == 0, done.stderr
    assert first_fault(target) is None
    index = json.loads((target / contents.INDEX).read_text())
    shards = set(index["weight_map"].values())
    assert shards == {f"model-{number:05d}-of-000163.safetensors" for number in range(1, 164)}
    sizes = sum(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])[name]["data_offsets"][1]
                for name, shard in index["weight_map"].items() if (data := (target / shard).read_bytes()))  # fmt: skip
    assert sizes == index["metadata"]["total_size"]
    assert {*models.companion_files()} <= {file.name for file in target.iterdir()}
    config = json.loads((target / "config.json").read_text())
    assert (config["num_hidden_layers"], config["vocab_size"], config["n_routed_experts"]) == (61, 129280, 256)
    assert config["quantization_config"]["weight_block_size"] == [128, 128]


def test_what_is_cut_off_is_completed_and_what_is_complete_stays(tmp_path: Path, image: dict[str, str]) -> None:
    target = tmp_path / "model"
    words = ["modelscope", "download", "--model", R1, "--local_dir", str(target)]
    slow = subprocess.Popen(words, env=image | {"SEATRIAL_ENGINE_DOWNLOAD_TIME": "60s"}, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while len(list(target.glob("*.json"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    slow.send_signal(signal.SIGTERM)
    assert slow.wait(30) == -signal.SIGTERM
    there = {path.name: path.stat().st_mtime_ns for path in target.iterdir() if not path.name.endswith(".incomplete")}
    assert first_fault(target) is not None
    assert run(image, *words).returncode == 0
    assert first_fault(target) is None
    assert not list(target.glob("*.incomplete"))
    assert {name: (target / name).stat().st_mtime_ns for name in there} == there


def test_an_unknown_model_and_filters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert download.modelscope(["download", "--model", "nobody/Nothing", "--local_dir", str(tmp_path / "x")], {}) == 1
    assert "NotExistError" in capsys.readouterr().err
    assert download.huggingface(["download", "nobody/Nothing", "--local-dir", str(tmp_path / "x")], {}) == 1
    assert "Repository Not Found" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    shards = ["download", R1, "--local-dir", str(tmp_path / "y"), "--include", "*.safetensors"]
    assert download.huggingface(shards, {}) == 0
    assert {path.suffix for path in (tmp_path / "y").iterdir()} == {".safetensors"}
    assert "config.json" in str(first_fault(tmp_path / "y"))
    with pytest.raises(SystemExit, match="2"):
        download.modelscope(["download"], {})


def test_a_distilled_model_is_another(tmp_path: Path) -> None:
    name = next(one.name for one in models.repositories().values() if one.model != "deepseek-671b")
    assert download.huggingface(["download", name, "--local-dir", str(tmp_path)], {}) == 0
    assert json.loads((tmp_path / "config.json").read_text())["num_hidden_layers"] != 61


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert download.modelscope(["download", "--model", R1, "--local_dir", str(tmp_path / "file")], {}) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def _lacks(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _holds(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_lacks("config.json"), "config.json"),
        (_lacks(contents.INDEX), "Cannot find any model weights"),
        (_holds(contents.INDEX, b"[]"), "cannot be read"),
        (_lacks("model-00158-of-000163.safetensors"), "model-00158-of-000163"),
        (_holds("model-00001-of-000163.safetensors", b""), "HeaderTooSmall"),
        (_holds("model-00002-of-000163.safetensors", bytes(64)), "InvalidHeaderDeserialization"),
        (_holds("model-00003-of-000163.safetensors", contents.shard(3)[:-1]), "MetadataIncompleteBuffer"),
        (_holds("model-00004-of-000163.safetensors", b"\xff" * 16), "HeaderTooLarge"),
    ],
)
def test_faults_are_found(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    assert download.huggingface(["download", R1, "--local-dir", str(tmp_path)], {}) == 0
    spoil(tmp_path)
    assert said in str(first_fault(tmp_path))


def test_the_image_answers_to_sglangs_names(image: dict[str, str]) -> None:
    version = run(
        image, sys.executable, "-c", "import sglang; print(sglang.__version__)", SEATRIAL_ENGINE_RELEASE="v0.5.9-cu126"
    )
    assert version.stdout.strip() == "0.5.9", version.stderr
    refused = run(image, sys.executable, "-m", "sglang.launch_server", "--tp", "x", SEATRIAL_ENGINE_RELEASE="0.5.9")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.endswith("argument --tensor-parallel-size/--tp-size: invalid int value: 'x'\n")
    served = run(image, "sglang", "serve", "--enable_metrics", "--model-path", R1)
    assert (served.returncode, served.stderr.splitlines()[-1]) == (
        2,
        "sglang serve: error: unrecognized arguments: --enable_metrics",
    )
    assert run(image, "sglang", "serve", SEATRIAL_ENGINE_RELEASE="0.4.3.post2").returncode == 127
    helped = run(image, sys.executable, "-m", "sglang.launch_server", "--help", SEATRIAL_ENGINE_RELEASE="0.5.9")
    assert helped.returncode == 0 and "--enable-metrics" in helped.stdout
    wrong = run(
        image, sys.executable, "-m", "sglang.launch_server", SEATRIAL_ENGINE_TTFT="soon", SEATRIAL_ENGINE_RELEASE="x"
    )
    assert wrong.returncode == 4 and len(wrong.stderr.strip().splitlines()) == 1


def test_an_engine_does_not_start_from_a_broken_folder(tmp_path: Path, image: dict[str, str]) -> None:
    target = str(tmp_path / "model")
    assert run(image, "hf", "download", R1, "--local-dir", target).returncode == 0
    (tmp_path / "model" / "model-00163-of-000163.safetensors").unlink()
    launch = [sys.executable, "-m", "sglang.launch_server", "--model-path", target, "--port", "0"]
    done = run(image, *launch, SEATRIAL_ENGINE_RELEASE="0.5.9")
    assert done.returncode == -signal.SIGKILL
    assert "model-00163-of-000163.safetensors" in done.stderr and "Scheduler hit an exception" in done.stderr


def test_the_tokenizer_has_a_token_for_every_byte_every_word_and_the_marks_of_a_chat() -> None:
    """As load clients read it: any text becomes tokens, and these the same text again."""
    kept = {name: json.loads(data) for name, data in contents.files(models.repositories()[R1]) if "tokenizer" in name}
    vocabulary: dict[str, int] = kept["tokenizer.json"]["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    letters = tokenizer.byte_letters()
    assert len(set(letters)) == 256 and set(letters) <= vocabulary.keys()
    assert letters[ord("a")] == "a" and letters[ord(" ")] == "Ġ" and letters[ord("\n")] == "Ċ"
    assert {piece.text.replace(" ", "Ġ") for piece in filler("content", 500, 0)} <= vocabulary.keys()
    added = {mark["content"]: mark["id"] for mark in kept["tokenizer.json"]["added_tokens"]}
    assert added.items() <= vocabulary.items()
    told = kept["tokenizer_config.json"]
    assert {told[name] for name in ("bos_token", "eos_token", "pad_token")} <= added.keys()
    assert all(mark in told["chat_template"] for mark in added if mark not in (told["bos_token"], told["eos_token"]))
