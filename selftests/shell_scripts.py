"""Random shell scripts out of what the evaluation supports; every question in them can be decided."""

from hypothesis import strategies as st

ENVIRONMENT = {
    "A": "x y",
    "B": "b",
    "E": "",
    "N": "7",
    "HOSTNAME": "deepseek-0-3",
    "P": "/data/model/x.tar.gz",
    "S": "a,b;;c",
}

_names = st.sampled_from(["A", "B", "E", "N", "P", "S", "V", "W", "HOSTNAME"])
_plain = st.sampled_from(["a", "b-c", "--flag", "x=1", "7", "/data/x", "a.b", "k:5000", "-1", "%", "@", "+"])
_operands = st.sampled_from(["z", "p q", '"p q"', "$B", '"$A"', "", "'q r'", "${B}x", "$A"])
_patterns = st.sampled_from(["*", "x*", "*/", "*.", "?", "[a-m]", "-*", '"-"', "*-", ".*", "$B", "[!a]", "/*"])
_numbers = st.sampled_from(["N", "$N", "3", "(N-2)", "${#P}", "0", "10"])


@st.composite
def _expansion(draw: st.DrawFn) -> str:
    name = draw(_names)
    match draw(st.integers(0, 9)):
        case 0 | 1:
            return "$" + name if draw(st.booleans()) else f"${{{name}}}"
        case 2:
            return f"${{{name}{draw(st.sampled_from([':-', '-', ':+', '+', ':=', '=']))}{draw(_operands)}}}"
        case 3:
            return f"${{{name}{draw(st.sampled_from(['#', '##', '%', '%%']))}{draw(_patterns)}}}"
        case 4:
            return f"${{{name}{draw(st.sampled_from(['/', '//', '/#', '/%']))}{draw(_patterns.filter(lambda p: '/' not in p))}/{draw(st.sampled_from(['', 'r', '$B', '-']))}}}"
        case 5:
            return f"${{#{name}}}"
        case 6:
            return f"${{{name}:{draw(st.integers(0, 5))}{draw(st.sampled_from(['', ':2', ':0', ': -1']))}}}"
        case 7:
            operator = draw(st.sampled_from(["+", "-", "*", "<", ">", "==", "&&", "||", "|", "&", "^", "<<", ",", "%", "/"]))
            right = draw(_numbers) if operator not in "%/" else "3"
            return f"$(({draw(_numbers)} {operator} {right}))"
        case 8:
            return f"$(echo {draw(_plain)} {draw(st.sampled_from(['$A', chr(34) + '$A' + chr(34), 'x']))})"
        case _:
            return draw(
                st.sampled_from(
                    ["$1", "$#", "$*", "$@", "${2:-two}", "${L[@]}", "${L[1]}", "${#L[@]}", "${L[*]}", "$?x"]
                )
            )


@st.composite
def _piece(draw: st.DrawFn) -> str:
    match draw(st.integers(0, 7)):
        case 0 | 1:
            return draw(_plain)
        case 2 | 3:
            return draw(_expansion())
        case 4:
            return '"' + draw(_plain) + draw(_expansion()) + draw(st.sampled_from(["", " ", "  y", "'"])) + '"'
        case 5:
            return '"' + draw(_expansion()) + '"'
        case 6:
            return draw(st.sampled_from(["'a  b'", "\\$A", "\\ ", '""', "$'t\\tn'", "'$B'", '"\\"q\\""', "\\\\"]))
        case _:
            return draw(st.sampled_from(["{1..3}", "{a,b}", "{a,${B}}c", "x{,y}", '"$@"', '"${L[@]}"', '"$*"']))


_words = st.lists(_piece(), min_size=1, max_size=3).map("".join)
_call = st.lists(_words, max_size=5).map(lambda words: " ".join(["python3", *words]))
_assignment = st.builds(
    lambda name, op, value: f"{name}{op}{value}",
    st.sampled_from(["V", "W", "A"]),
    st.sampled_from(["=", "+="]),
    st.one_of(_expansion(), _plain, _expansion().map('"{}"'.format), st.just("")),
)
_array = st.builds(
    lambda op, items: f"L{op}({' '.join(items)})", st.sampled_from(["=", "+="]), st.lists(_words, max_size=3)
)
_test = st.one_of(
    st.sampled_from(
        [
            "true",
            "false",
            "! true",
            "[[ $A == x* ]]",
            "[ $N -gt 3 ]",
            '[ -z "$E" ]',
            "[[ -n $V && $B = b ]]",
            "((N > 5))",
        ]
    ),
    st.builds('[ "{}" {} "{}" ]'.format, _names.map("$".__add__), st.sampled_from(["=", "!="]), _plain),
    st.builds("[[ {} {} {} ]]".format, _names.map("$".__add__), st.sampled_from(["==", "!="]), _plain),
    st.builds(
        '[ {} {} {} -a -n "$B" ]'.format, st.just("$N"), st.sampled_from(["-eq", "-lt", "-ge"]), st.integers(0, 9)
    ),
)

_simple = st.one_of(
    _call, _call, _call, _assignment, _array,
    st.builds("set -- {} {}".format, _words, _words),
    st.sampled_from(["shift", "export V", "unset V", "unset L", "IFS=,", "IFS=' '", "read -r V W <<< \"$HOSTNAME\"", "set -e", "set -f"]),
)  # fmt: skip


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map("; ".join)
    return st.one_of(
        st.builds("if {}; then {}; else {}; fi".format, _test, body, body),
        st.builds("if {}; then {}; elif {}; then {}; fi".format, _test, body, _test, body),
        st.builds("for i in {}; do {}; done".format, st.lists(_words, min_size=1, max_size=3).map(" ".join), body),
        st.builds("for ((i=0; i<{}; i++)); do {}; done".format, st.integers(0, 3), _simple),
        st.builds("while [ ${{w:-0}} -lt {} ]; do {}; w=$((w+1)); done".format, st.integers(0, 3), body),
        st.builds("case {} in {}) {} ;; *b*|7) {} ;; *) {} ;; esac".format, _words, _patterns, body, body, body),
        st.builds("( {} )".format, body),
        st.builds("{{ {}; }}".format, body),
        st.builds("{} && {} || :".format, _test, inner),
        st.builds("{} || {}".format, _test, inner),
        st.builds("f() {{ local V=loc; {}; return {}; }}; f {} || {}".format, body, st.integers(0, 2), _words, inner),
        st.builds("bash -c 'python3 $0 \"$@\"' {} {}".format, _words, _words),
        st.builds('V={} python3 "$V"'.format, _plain),
        st.builds('cat > f.sh <<EOF\npython3 file "\\$1" {}\nEOF\nbash f.sh {}'.format, _plain, _words),
    )


_statement = st.recursive(_simple, _compound, max_leaves=6)
scripts = st.lists(_statement, min_size=1, max_size=6).map(
    lambda lines: "\n".join([*lines, 'python3 end "$V" "${L[@]}" $*'])
)
