"""How SGLang divides a model over its ranks, from the flags of a role."""

from dataclasses import dataclass

from seatrial.finding import CannotTell
from seatrial.workload.serving import Role

# Flags that set the expert-parallel size to the tensor-parallel one. Source: each release's server_args.py.
_EXPERTS_OVER_ALL_RANKS = ("enable_ep_moe", "enable_deepep_moe")
_SPREADING_BACKENDS = ("deepep", "mooncake", "nixl", "mori", "ascend_fuseep", "deepep_v2", "pplx")


@dataclass(frozen=True, slots=True)
class Parallelism:
    """Sizes of tensor, pipeline and expert parallelism, of attention data parallelism, and of the dense layers."""

    tp: int
    pp: int
    ep: int
    attention_dp: int
    dense_tp: int

    @property
    def attention_tp(self) -> float:
        """Ranks over which the attention heads are divided; a fraction when the sizes do not fit each other."""
        return self.tp / self.attention_dp


def parallelism(role: Role) -> Parallelism:
    """The sizes of a role. Raises Blocked when its arguments are not known, CannotTell for sizes below one."""
    tp, pp = role.number("tp_size", 1), role.number("pp_size", 1)
    ep = tp if _spreads_experts(role) else role.number("ep_size", 1)
    dense = role.number("moe_dense_tp_size", tp)
    found = Parallelism(tp, pp, ep, _attention_dp(role), dense)
    if min(tp, pp, ep, found.attention_dp, dense) < 1:
        raise CannotTell(f"a parallel size of {role.title} is below 1")
    return found


def _spreads_experts(role: Role) -> bool:
    return any(role.value(flag) is True for flag in _EXPERTS_OVER_ALL_RANKS) or (
        role.value("moe_a2a_backend") in _SPREADING_BACKENDS
    )


def _attention_dp(role: Role) -> int:
    if role.given("attn_dp_size"):
        return role.number("attn_dp_size", 1)
    return role.number("dp_size", 1) if role.value("enable_dp_attention") is True else 1
