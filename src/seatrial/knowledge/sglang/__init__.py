"""What SGLang's command line accepts, release by release, and how its releases behave.

The flags were read out of every published release from 0.4.1.post7 on by ``tools/sglang_flags.py``.
"""

from seatrial.knowledge.sglang.agreement import parses
from seatrial.knowledge.sglang.argv import ArgError, Parsed, Unknown, Use
from seatrial.knowledge.sglang.flag import Flag
from seatrial.knowledge.sglang.release import UnknownVersion, covers, nearest, version_of_tag, versions
from seatrial.knowledge.sglang.table import FlagTable, Lifetime, flag_table, lifetime

__all__ = [
    "ArgError",
    "Flag",
    "FlagTable",
    "Lifetime",
    "Parsed",
    "Unknown",
    "UnknownVersion",
    "Use",
    "covers",
    "flag_table",
    "lifetime",
    "nearest",
    "parses",
    "version_of_tag",
    "versions",
]
