"""Asking again while the quota does not know a kind, and nothing else."""

from typing import Any

import pytest

from seatrial.live.api import ApiError
from seatrial.live.offer import PATIENCE_S, Patience, not_allowed, unknown_to_quota

UNKNOWN = ApiError(
    403, "Forbidden", 'leaderworkersets "x" is forbidden: status unknown for quota: team, resources: count/x'
)
DENIED = ApiError(403, "Forbidden", 'admission webhook "v" denied the request: cannot have subgroup-exclusive-topology')
NO_RIGHT = ApiError(
    403, "Forbidden", 'leaderworkersets is forbidden: User "dev" cannot create resource "leaderworkersets"'
)


class Server:
    def __init__(self, *answers: ApiError | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.now = 0.0
        self.asked = 0

    def ask(self) -> dict[str, Any]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ApiError):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def patience(self) -> Patience:
        return Patience(self.sleep, lambda: self.now)


def test_an_answer_is_taken_at_once() -> None:
    server = Server({"a": 1})
    assert server.patience.ask(server.ask).object == {"a": 1}
    assert (server.asked, server.now) == (1, 0.0)


def test_the_quota_is_waited_for() -> None:
    server = Server(UNKNOWN, UNKNOWN, UNKNOWN, {"a": 1})
    answer = server.patience.ask(server.ask)
    assert (answer.object, answer.error, answer.waited_s) == ({"a": 1}, None, 0.5 + 1 + 2)


def test_patience_ends_and_is_shared() -> None:
    server = Server(UNKNOWN)
    patience = server.patience
    first = patience.ask(server.ask)
    assert first.error is UNKNOWN
    assert first.waited_s == pytest.approx(PATIENCE_S)
    asked = server.asked
    assert patience.ask(server.ask).error is UNKNOWN
    assert (server.asked, server.now) == (asked + 1, pytest.approx(PATIENCE_S))


@pytest.mark.parametrize("error", [DENIED, NO_RIGHT])
def test_other_refusals_are_not_repeated(error: ApiError) -> None:
    server = Server(error, {"a": 1})
    assert server.patience.ask(server.ask).error is error
    assert server.asked == 1


def test_kinds_of_refusals() -> None:
    assert [unknown_to_quota(one) for one in (UNKNOWN, DENIED, NO_RIGHT, None)] == [True, False, False, False]
    assert [not_allowed(one) for one in (UNKNOWN, DENIED, NO_RIGHT, None)] == [False, False, True, False]
    assert not_allowed(ApiError(401, "Unauthorized", "Unauthorized"))
