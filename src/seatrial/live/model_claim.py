"""The claims that hold the model, with what they are bound to on the cluster."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from seatrial.finding import Blocked, CannotTell, NotApplicable, Place
from seatrial.live.declared_object import DeclaredObject
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.resources import CLAIMS, STORAGE_CLASSES, VOLUMES
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.storage.claims import CLASS_ANNOTATION, Claim, Use, uses
from seatrial.storage.model_volumes import model_volumes
from seatrial.storage.storage_classes import TURBO

_WAITS = "WaitForFirstConsumer"


@dataclass(frozen=True, eq=False)
class ModelClaim:
    """One claim by its name, whether it is on the cluster or not. Reading raises CannotTell where it is forbidden."""

    deployed: Deployed
    namespace: str
    name: str

    @property
    def title(self) -> str:
        return f"PersistentVolumeClaim/{self.name}"

    @cached_property
    def declared(self) -> Claim | None:
        """The claim as the set declares it, if it does."""
        document = self.deployed.manifests.find("PersistentVolumeClaim", self.name, self.namespace, group="")
        return Claim(self.deployed.manifests, document.root) if document is not None else None

    @property
    def uses(self) -> list[Use]:
        """Who mounts it."""
        return uses(self.deployed.manifests).get((self.namespace, self.name), [])

    @property
    def live(self) -> LiveObject | None:
        return self.deployed.view.one(CLAIMS, self.name, self.namespace)

    def need_live(self) -> LiveObject:
        """The claim on the cluster. Raises Blocked where it is not there."""
        live = self.live
        if live is not None:
            return live
        by = "VOL-05"
        if self.declared is not None:
            refused = DeclaredObject(self.deployed, self.declared.document).refused
            by = "ADM-03" if refused else "ADM-06"
        raise Blocked(by, f"claim {self.name} is not on the cluster")

    def need_volume(self) -> LiveObject:
        """The volume that the claim is bound to. Raises Blocked where it is not bound."""
        live = self.need_live()
        if live.at("status", "phase") != "Bound":
            raise Blocked("VOL-04", f"claim {self.name} is {live.at('status', 'phase')}")
        volume = self.deployed.view.one(VOLUMES, str(live.at("spec", "volumeName")))
        if volume is None:
            raise Blocked("VOL-04", f"volume {live.at('spec', 'volumeName')} of claim {self.name} is not there")
        return volume

    @property
    def volume_is_gone(self) -> bool:
        """Whether the claim names a volume that is known not to be there."""
        live = self.live
        try:
            name = live.at("spec", "volumeName") if live is not None else None
            return bool(name) and self.deployed.view.one(VOLUMES, str(name)) is None
        except CannotTell:
            return False

    @property
    def storage_class(self) -> LiveObject | None:
        """The class that the claim names on the cluster; None where it names none, or one that is not there."""
        live = self.live
        if live is None:
            return None
        name = live.annotations.get(CLASS_ANNOTATION) or live.at("spec", "storageClassName")
        return self.deployed.view.one(STORAGE_CLASSES, str(name)) if name else None

    @property
    def waits_for_pod(self) -> bool:
        """Whether its class makes a volume only when a pod that mounts it has a node."""
        found = self.storage_class
        return found is not None and found.at("volumeBindingMode") == _WAITS

    def place(self, *path: str | int) -> Place:
        """Where a finding points: into the manifests where they declare it, else to the cluster."""
        if self.declared is not None and not self.deployed.read_back:
            return self.declared.node.at(*path)
        live = self.live
        return live.place(*path) if live is not None else self.deployed.manifests.documents[0].root


def model_claims(deployed: Deployed) -> list[ModelClaim]:
    """The claims that hold the model. Raises NotApplicable where it is on none, CannotTell where nobody knows."""
    found = model_volumes(deployed.manifests)
    keys = dict.fromkeys(volume.key[1:] for volume in found if volume.known and volume.key[0] == "claim")
    if not keys:
        for volume in found:
            try:
                volume.need_directory()
            except (CannotTell, Blocked) as unknown:
                raise CannotTell(f"which volume holds the model: {unknown}") from None
        raise NotApplicable("the model is on no claim")
    return [ModelClaim(deployed, namespace, name) for namespace, name in keys]


def known_model_claims(deployed: Deployed) -> list[ModelClaim]:
    """As `model_claims`; none where it is on none, or nobody knows."""
    try:
        return model_claims(deployed)
    except (NotApplicable, CannotTell):
        return []


def uses_turbo(deployed: Deployed) -> bool:
    """Whether a class, a volume or a claim of the set is served by the driver of CFS-Turbo."""
    manifests = deployed.manifests
    classes = (one["provisioner"].text for one in manifests.of_kind("StorageClass"))
    volumes = (one.at("spec", "csi", "driver").text for one in manifests.of_kind("PersistentVolume", group=""))
    if TURBO in (*classes, *volumes):
        return True
    try:
        claims = model_claims(deployed)
    except NotApplicable:
        return False
    return any(
        found is not None and found.at("provisioner") == TURBO for found in (claim.storage_class for claim in claims)
    )


def amount(value: Any) -> Fraction | None:
    """Bytes of a quantity, None for what is no quantity."""
    try:
        return parse(value)
    except InvalidQuantity:
        return None
