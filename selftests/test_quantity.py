"""Quantities as the API server reads them; the accepted and refused forms were compared with apimachinery 0.34."""

import contextlib
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.manifests.quantity import InvalidQuantity, binary, parse

NUMBERS = [
    ("0", 0),
    ("8", 8),
    ("700Gi", 700 * 2**30),
    ("1.5Gi", 3 * 2**29),
    (".5", Fraction(1, 2)),
    ("1.", 1),
    ("+1", 1),
    ("-1Ki", -1024),
    ("100m", Fraction(1, 10)),
    ("1u", Fraction(1, 10**6)),
    ("1n", Fraction(1, 10**9)),
    ("2k", 2000),
    ("2M", 2 * 10**6),
    ("2E", 2 * 10**18),
    ("2Ei", 2 * 2**60),
    ("1e3", 1000),
    ("1E3", 1000),
    ("1E-3", Fraction(1, 1000)),
    ("1e+2", 100),
    (" 8Gi ", 8 * 2**30),
    ("0.1n", Fraction(1, 10**9)),
    ("1.0000000001", Fraction(1_000_000_001, 10**9)),
    ("-0.1n", Fraction(-1, 10**9)),
    ("99999999999999999999", 2**63 - 1),
    ("1e999999999", 2**63 - 1),
    ("1e-999999999", Fraction(1, 10**9)),
    (8, 8),
    (0.5, Fraction(1, 2)),
    (1e22, 2**63 - 1),
    (10**40, 2**63 - 1),
]


@pytest.mark.parametrize(("value", "number"), NUMBERS, ids=[str(value)[:30] for value, _ in NUMBERS])
def test_reads_what_the_server_reads(value, number):
    assert parse(value) == number


REFUSED = ["", " ", "Gi", ".", "-", "8Gib", "8GB", "8 Gi", "8K", "8gi", "8ki", "1e", "1i", "0x10", "1_000", "1..2"]
REFUSED += ["1.2.3", "NaN", "1E+", "1m3", "{{ .Values.memory }}", "9" * 5000, "８Gi", "1e3Gi"]
REFUSED += [True, None, [], {}, ["8Gi"], math.nan, math.inf]


@pytest.mark.parametrize("value", REFUSED, ids=[repr(value)[:30] for value in REFUSED])
def test_refuses_what_the_server_refuses(value):
    with pytest.raises(InvalidQuantity):
        parse(value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [("8Gib", "'Gi'"), ("8GB", "'G'"), ("8gi", "'Gi'"), ("8K", "'k'"), ("8KB", "'k'"), ("8X", "Ki, Mi, Gi")],
)
def test_names_the_unit_that_was_meant(value, hint):
    with pytest.raises(InvalidQuantity, match=hint):
        parse(value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_raises_nothing_else(value):
    with contextlib.suppress(InvalidQuantity):
        assert isinstance(parse(value), Fraction)


@given(st.integers(0, 10**6), st.sampled_from(["", "k", "M", "Ki", "Mi", "Gi", "m"]))
def test_is_exact(number, unit):
    assert parse(f"{number}{unit}") == number * parse(f"1{unit}")


def test_shows_bytes_in_gib():
    assert binary(parse("700Gi")) == "700 GiB"
    assert binary(Fraction(688_586_727_753 * 102, 100)) == "654.1 GiB"


def test_a_number_too_long_to_print_is_cut_as_well():
    assert parse(10**5000) == 2**63 - 1
    assert parse(-(10**5000)) == -(2**63 - 1)
