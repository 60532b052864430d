"""An SGLang release that is not known leads to `cannot tell`, never to a pass that was not earned."""

from pathlib import Path

import pytest

from seatrial import catalogue, shipped
from seatrial.judge import judge
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.target import Target
from seatrial.verdict import Verdict

GOOD = shipped.manifests() / "deepseek-r1-tke"
TAG = "v0.5.9-cu129-amd64"


def _verdicts(tag: str, flag: str = "") -> dict[str, Verdict]:
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(GOOD).glob("*.yaml"))}
    files["leaderworkerset.yaml"] = files["leaderworkerset.yaml"].replace(
        "          - --enable-metrics\n", f"          - --enable-metrics\n{flag}"
    )
    texts = {name: text.replace(TAG, tag) for name, text in files.items()}
    manifests: ManifestSet = load_texts("set", texts, Target.empty())
    return {
        requirement.id: judge(requirement, manifests).verdict
        for requirement in catalogue.requirements("static")
        if requirement.area == "ARG"
    }


@pytest.mark.parametrize("tag", ["v0.9.9", "v0.3.0", "latest", "mine"])
def test_flags_that_only_some_releases_know(tag: str) -> None:
    found = _verdicts(tag)
    assert found["ARG-01"] is Verdict.CANNOT_TELL
    assert found["ARG-02"] is Verdict.PASSED, "written out in every known release"


def test_a_flag_that_no_known_release_has() -> None:
    flag = "          - --brand-new-flag\n"
    assert _verdicts("v0.5.9", flag)["ARG-01"] is Verdict.FAILED
    assert _verdicts("latest", flag)["ARG-01"] is Verdict.FAILED
    assert _verdicts("v0.9.9", flag)["ARG-01"] is Verdict.CANNOT_TELL, "a release to come may have it"
