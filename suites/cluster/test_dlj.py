"""DLJ: the Job that downloads the model."""

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding
from seatrial.live.download_job import DownloadJob
from seatrial.requirement import Outcomes, requirement

MOST_RETRIES = 5
"""Own threshold: a download of many hours may lose its connection now and then."""


@requirement(
    "DLJ-01",
    why="Without it the model is incomplete, and an incomplete model answers nonsense or not at all.",
    fix="See the log of the Job's pods; a Job that has failed has to be deleted before it can be applied again.",
    needs=(Capability.CONTAINERS,),
)
def test_download_is_complete(download_job: DownloadJob) -> Outcomes:
    """The download Job MUST have completed."""
    live = download_job.need_live()
    if live.holds("Complete") or live.holds("SuccessCriteriaMet"):
        return
    failed = live.condition("Failed")
    if live.holds("Failed") and failed is not None:
        words = ": ".join(str(failed[key]) for key in ("reason", "message") if failed.get(key))
        yield Finding(live.place("status", "conditions"), f"failed: {words or 'no reason given'}", "Complete")
    elif live.at("spec", "suspend"):
        yield Finding(live.place("spec", "suspend"), "it is suspended", "Complete")
    else:
        active, failures = live.at("status", "active") or 0, live.at("status", "failed") or 0
        raise CannotTell(
            f"the download has not ended: {active} pods active, {failures} failed", "judge again when it has"
        )


@requirement(
    "DLJ-02",
    why="Retries are a sign of trouble with the network, the disk or the memory.",
    fix="See why its pods ended: kubectl describe pod, and the log of the container before.",
    needs=(Capability.CONTAINERS,),
)
def test_download_needs_few_retries(download_job: DownloadJob) -> Outcomes:
    """The download Job SHOULD need few retries."""
    live = download_job.need_live()
    retries = download_job.retries(live)
    if retries > MOST_RETRIES:
        yield Finding(live.place("status", "failed"), f"{retries} failed pods and restarts", f"at most {MOST_RETRIES}")
