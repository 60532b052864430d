"""Small parts of clusters: ports, and the last words of programs."""

import socket
from pathlib import Path

import pytest

from seatrial.clusters import logs, ports
from seatrial.clusters.provider import ClusterError


class TestPorts:
    def test_each_name_gets_a_port_of_its_own_that_is_free(self) -> None:
        chosen = ports.free([f"port-{n}" for n in range(50)])
        assert len(set(chosen.values())) == 50
        assert all(port in ports.RANGE for port in chosen.values())

    @pytest.mark.parametrize("address", ["127.0.0.1", ""])
    def test_taken_ones_are_passed_over(self, address: str) -> None:
        with socket.create_server((address, 0)) as other, socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
            probe.close()
            assert ports.free(["only"], [other.getsockname()[1], free]) == {"only": free}

    def test_none_left(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ClusterError, match="no 1 free TCP ports"):
            ports.free(["only"], [other.getsockname()[1]])


class TestLastWords:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("one\n\ntwo\nthree\nfour\n", "two | three | four"),
            ("error: no paper\none\ntwo\nthree\nfour\n", "error: no paper"),
            (
                '{"level":"INFO","msg":"started"}\n{"msg":"Failed to listen","err":"in use"}\n',
                "Failed to listen: in use",
            ),
            ("{not json\n", "{not json"),
            ("", ""),
        ],
    )
    def test_of_a_text(self, text: str, said: str) -> None:
        assert logs.telling(text) == said

    def test_of_a_file(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        assert logs.last_lines(log) == "it wrote no log"
        log.touch()
        assert logs.last_lines(log) == "it wrote nothing"
        log.write_bytes(b"\xff" * 100_000 + b"\nlast\n")
        assert logs.last_lines(log, 1) == "last"
