"""A pipeline takes no more memory than a run may: each attempt in a process of its own, whose peak is measured.

The kernel refuses the process 1 GiB more than it begins with, so that a regression fails here and not the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from livery.execution.pipeline import operators
from livery.execution.pipeline.budget import Budget

MORE = 300 * 1024  # KiB
CHILD = """
import json, resource, sys
from livery.authoring.errors import SkillFailed
from livery.execution.pipeline import operators
from livery.execution.pipeline.plan import make_plan
from livery.execution.pipeline.run import run_plan, StepFailed
from livery.manifest.errors import LiveryError
import statistics, jinja2.compiler
operators.render("{% for x in [1] %}{{ [x]|join }}{% endfor %}", {})
operators.transform([1], "length(@)")
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
steps, args = json.load(sys.stdin)
try:
    value, _ = run_plan(make_plan(tuple(steps)), args, None, None)
    said = "made"
except MemoryError:
    said = "MemoryError"
except LiveryError as error:
    said = str(error.message) + str(error.violations)
print(json.dumps([said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle]))
"""


def attempt(steps: list[dict[str, Any]], args: Any) -> str:
    """What it came to, held to its memory."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([steps, args]),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said, more = json.loads(done.stdout)
    assert more < MORE, (said, more)
    assert isinstance(said, str)
    assert "MemoryError" not in said
    return said


BIG = 2_000_000_000
M = {"m": BIG, "rows": [{"a": "x" * 50}] * 1000, "text": "ab\n" * 20_000}
DOUBLED = "{% set a = 'x' * 1000 %}" + "{% set a = a ~ a %}" * 25
TEMPLATES = {
    "times": "{{ 'a' * 2000000000 }}",
    "times a value": "{{ 'a' * input.m }}",
    "a value times": "{{ input.m * 'a' }}",
    "list times": "{{ ([1] * input.m)|length }}",
    "tuple times": "{{ ((1,) * input.m)|length }}",
    "power": "{{ 9**(9**9) }}",
    "power of a value": "{{ (2 ** input.m) > 1 }}",
    "product": "{% set ns = namespace(n=9) %}{% for i in range(60) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "percent": "{{ '%2000000000d' % 1 }}",
    "percent precision": "{{ '%.2000000000f' % 1 }}",
    "percent star": "{{ '%0*d' % (input.m, 1) }}",
    "percent of a key": "{{ '%(a(b)c)2000000000d' % {'a(b)c': 1} }}",
    "percent again": "{{ ('%(a)s' * 5000) % {'a': 'x' * 1000000} }}",
    "concat": DOUBLED,
    "plus": DOUBLED.replace("~", "+"),
    "list plus": "{% set a = [1] %}" + "{% set a = a + a %}" * 30 + "{{ a|length }}",
    "block": "{% set a = 'x' * 1000 %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 25,
    "macro": "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set a = 'x' * 1000 %}" + "{% set a = m(a) %}" * 25,
    "filter block": "{% filter upper %}" + "{{ 'x' * 1000000 }}" * 2000 + "{% endfilter %}",
    "many texts": "".join(f"{{% set a{i} = 'x' * 1000000 %}}" for i in range(2000)),
    "many slices": "{% set t = 'x' * 1000000 %}" + "".join(f"{{% set a{i} = t[1:] %}}" for i in range(2000)),
    "many lists": "".join(f"{{% set a{i} = range(100000)|list %}}" for i in range(2000)),
    "shared": "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
    "shared to json": "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ a|tojson }}",
    "shared in text": "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ '%s' % (a,) }}",
    "shared formatted": "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ '{}'.format(a) }}",
    "shared compared": "{% set a = [1] %}{% set b = [1] %}"
    + "{% set a = [a, a] %}{% set b = [b, b] %}" * 60 + "{{ a == b }}",
    "shared hashed": "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 60 + "{{ {a: 1} }}",
    "shared looked up": "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 60 + "{{ {1: 1}[a] }}",
    "shared, got": "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 60 + "{{ {1: 1}.get(a) }}",
    "shared, unique": "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 60 + "{{ [a]|unique }}",
    "namespace": "{% set a = 'x' * 1000 %}{% set n = namespace(a=a) %}"
    + "{% set n = namespace(a=n, b=n) %}" * 60 + "{{ n }}",
    "namespace in a list": "{% set n = namespace(a=1) %}"
    + "{% set n = namespace(a=n, b=n) %}" * 60 + "{{ [n] }}",
    "namespace grows": "{% set n = namespace(t='x') %}{% for i in range(100000) %}{% set n.t = n.t ~ n.t %}{% endfor %}",  # noqa: E501
    "namespace list": "{% set n = namespace(t=[1]) %}{% for i in range(100) %}{% set n.t = n.t + n.t %}{% endfor %}",
    "format": "{{ '{:>2000000000}'.format(1) }}",
    "format of a value": "{{ '{:>{w}}'.format(1, w=input.m) }}",
    "format precision": "{{ '{:.2000000000f}'.format(1.5) }}",
    "format by item": "{{ 'x'['format'](1) }}{{ '{:>2000000000}'['format'](1) }}",
    "format again": "{{ ('{0}' * 5000).format('x' * 1000000) }}",
    "format filter": "{{ '%2000000000d'|format(1) }}",
    "format map": "{{ '{a:>2000000000}'.format_map({'a': 1}) }}",
    "center": "{{ 'a'|center(2000000000) }}",
    "center by name": "{{ 'a'|center(width=input.m) }}",
    "center method": "{{ 'a'.center(input.m) }}",
    "ljust": "{{ 'a'.ljust(2000000000) }}",
    "rjust": "{{ 'a'.rjust(2000000000) }}",
    "zfill": "{{ '1'.zfill(2000000000) }}",
    "expandtabs": "{{ '\t'.expandtabs(2000000000) }}",
    "encode": "{{ ('a' * 1000000).encode('utf-32') }}",
    "translate": "{{ ('a' * 1000000).translate({97: 'x' * 100000}) }}",
    "indent": "{{ input.text|indent(1000000) }}",
    "indent by a text": "{{ input.text|indent('x' * 1000000) }}",
    "replace": "{{ ('a' * 1000000)|replace('a', 'b' * 1000000) }}",
    "replace nothing": "{{ ('a' * 1000000)|replace('', 'b' * 1000000) }}",
    "replace method": "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
    "join": "{{ range(100000)|join('x' * 1000000) }}",
    "join method": "{{ ('x' * 1000000).join(('a' * 100000)|list) }}",
    "join attribute": "{{ (input.rows * 20)|join('x' * 1000000, attribute='a') }}",
    "wordwrap": "{{ ('a' * 1000000)|wordwrap(1, wrapstring='x' * 1000000) }}",
    "range": "{{ range(2000000000)|list|length }}",
    "range of a value": "{% for i in range(input.m) %}{% endfor %}",
    "nested loops": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "nested loops that leave out": "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",  # noqa: E501
    "loops in a block": "{% set a %}{% for i in range(10000) %}{% for j in range(10000) %}xx{% endfor %}{% endfor %}{% endset %}",  # noqa: E501
    "loops that print": "{% for i in range(10000) %}{{ 'x' * 1000 }}{% endfor %}",
    "recursive loop": "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "recursive macro": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "batch": "{{ [1]|batch(2000000000, 'x')|list|length }}",
    "slice": "{{ [1]|slice(2000000000)|list|length }}",
    "slice filled": "{{ [1]|slice(2000000000, 'x')|list|length }}",
    "map of lists": "{{ range(100000)|map('string')|map('list')|map('center', 100000)|list|length }}",
    "map center": "{{ range(100000)|map('string')|map('center', 100000)|list|length }}",
    "map round": "{{ [1.5]|map('round', 2000000000)|list }}",
    "round": "{{ 1.5|round(2000000000, 'ceil') }}",
    "sum of lists": "{{ ([range(1000)|list] * 100000)|sum(start=[])|length }}",
    "lipsum": "{{ lipsum(n=1000000) }}",
    "cycler": "{{ cycler(*range(100000)) }}{% set c = cycler('x' * 1000000) %}" + "{{ c.next() }}" * 2000,
    "joiner": "{% set j = joiner('x' * 1000000) %}" + "{{ j() }}" * 2000,
    "dict": "{% set a = dict() %}" + "".join(f"{{% set a = dict(a=a, b=a, c{i}=a) %}}" for i in range(60)) + "{{ a }}",
    "urlize": "{{ ('http://a.example ' * 50000)|urlize }}",
    "pprint": "{{ ([[1]] * 100000)|pprint }}",
    "tojson indent": "{{ (input.rows * 50)|tojson(indent=2000000000) }}",
    "xmlattr": "{{ {'a': 'x' * 1000000}|xmlattr }}" * 100,
    "split": "{{ ('a ' * 500000).split() }}" * 100,
    "title": "{{ ('a ' * 500000)|title|length }}" * 100,
    "escape": "{{ ('<' * 1000000)|e|e|e|e|e|e|length }}",
    "json": "{{ ('<' * 1000000)|tojson|tojson|tojson|tojson|length }}",
    "repr": "{{ ('%r' * 5000) % (['\U0001f600' * 1000] * 5000) }}",
    "call": "{{ ''.join.__self__ }}{{ ''.__class__ }}",
    "large int by a text": "{{ ('f' * 1000000)|int(base=16) * 2 }}",
    "parts": "{{ [" + "1," * 95_000 + "] }}",
    "texts": "{{a}}" * 39_000,
    "nested parts": "{{ " + "(" * 90_000 + ")" * 90_000 + " }}",
    "nested lists": "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
    "nested ifs": "{% if 1 %}" * 5_000 + "{% endif %}" * 5_000,
    "nots": "{{ " + "not " * 40_000 + "1 }}",
    "minuses": "{{ " + "-" * 190_000 + "1 }}",
    "concats": "{{ " + "'a'~" * 45_000 + "'a' }}",
    "filters": "{{ 1" + "|string" * 25_000 + " }}",
    "include": "{% include 'x' %}",
    "blocks": "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "autoescape": "{% autoescape true %}{{ '<' * 1000000 }}{% endautoescape %}",
}  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_takes_more_memory_than_a_run_may(name: str) -> None:
    said = attempt([{"operator": "render", "template": TEMPLATES[name]}], M)
    assert said != "made"


@pytest.mark.parametrize(
    "expression",
    [
        "[@]" + "|[@, @]" * 60,
        "[@]" + "|[@, @][]" * 30,
        "{a: @}" + "|{a: @, b: @}" * 60,
        "rows" + "|[@, @][]" * 20,
        "join(text, rows[].a)",
        "rows[].a" + "|[@, @][]" * 8 + "|join(join('', @), @)",
        "[@]" + "|[@, @]" * 40 + "|to_string(@)",
        "text" + "|to_string([@, @])" * 30,
        "text" + "|join('', [@, @])" * 20,
        "[@]" + "|map(&[@, @][], @)" * 40,
        "[rows]" + "|[@, @]" * 40 + "| [0] == [1]",
        "[rows]" + "|[@, @]" * 40 + "| contains(@, [1])",
        "[" + ",".join(["reverse(text)"] * 700) + "]",
        "[" + ",".join(["rows[].{a: a}"] * 700) + "]",
        "(" * 4000 + "@" + ")" * 4000,
        "!" * 9000 + "@",
    ],
)
def test_no_expression_takes_more_memory_than_a_run_may(expression: str) -> None:
    args = {**M, "text": "abc" * 20_000}
    step = {"operator": "transform", "input": {"$from": "input"}, "expression": expression}
    assert attempt([step], args) != "made"
    # A reference is an expression too.
    inner = f"input | {expression}"
    step = {"operator": "transform", "input": {"$from": inner}, "expression": "@"}
    assert attempt([step], args) != "made"


def test_nor_do_steps_together() -> None:
    twice = [
        {
            "id": f"s{n}",
            "operator": "transform",
            "input": [{"$from": f"steps.s{n - 1}" if n else "input"}] * 2,
            "expression": "@",
        }
        for n in range(40)
    ]
    assert "MiB" in attempt(twice, M)
    many = [{"operator": "render", "template": "{{ 'x' * 1000000 }}"}] * 300
    assert "MiB" in attempt(many, M)


def test_nor_do_rows() -> None:
    rows = [{**{f"f{n}": n for n in range(1000)}, "big": "x" * 100_000}]
    more = {
        "operator": "transform",
        "input": {"$from": "input"},
        "expression": "@" + "|[@, @][]" * 10,
    }
    again = {"$from": "steps.more"}
    score = {"operator": "score", "input": again, "weights": {"f1": 1}, "into": "p"}
    plain = [{key: value for key, value in rows[0].items() if key != "big"}]
    assert "MiB" in attempt([{"id": "more", **more}, score, *[score] * 20], plain)
    by = {
        "operator": "summarize",
        "input": again,
        "by": ["big"] * 100,
        "measures": {"n": {"op": "count"}},
    }
    assert attempt([{"id": "more", **more, "expression": "@"}, by], rows) == "made"
    wide = {"operator": "summarize", "input": {"$from": "input"}, "by": ["k"], "measures": {
        f"m{n}": {"op": "count"} for n in range(2000)
    }}  # fmt: skip
    assert "may" in attempt([wide], [{"k": n} for n in range(5000)])


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ '-' * 20 }}", "-" * 20),
        ("{{ 'a'|center(5) }}{{ 'b'.ljust(3) }}|", "  a  b  |"),
        ("{{ '%05.2f|%s' % (1.5, 'x') }}", "01.50|x"),
        ("{{ '%(a)s of 20261129: 100%%' % {'a': 1} }}", "1 of 20261129: 100%"),
        ("{{ '{:>5}{a!r}'.format(1, a='x') }}", "    1'x'"),
        ("{{ '%.1f'|format(2.25) }}", "2.2"),
        ("{% for r in value if r.n > 1 %}{{ loop.index }}.{{ r.a }}{% else %}none{% endfor %}", "1.y"),
        ("{{ value|map(attribute='a')|join(', ') }}", "x, y"),
        ("{{ value|sum(attribute='n') }} {{ (value|length) ** 2 }}", "3 4"),
        ("{{ value|selectattr('n', 'gt', 1)|map(attribute='a')|list }}", "['y']"),
        ("{{ value|sort(attribute='n', reverse=true)|first }}", "{'a': 'y', 'n': 2}"),
        ("{% for k, rows in value|groupby('a') %}{{ k }}{{ rows|length }}{% endfor %}", "x1y1"),
        ("{% for g in value|groupby('a') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "x1y1"),
        ("{% for k, v in value[0].items() %}{{ k }}={{ v }};{% endfor %}", "a=x;n=1;"),
        ("{% macro m(x, y=2) %}{{ x }}{{ y }}{% endmacro %}{{ m(1) }}{{ m(1, y=3) }}", "1213"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}", "<in>"),
        ("{% set ns = namespace(n=0) %}{% for r in value %}{% set ns.n = ns.n + r.n %}{% endfor %}{{ ns.n }}", "3"),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x ~ 2 ~ none }}", "a12None"),
        ("{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"),
        ("{{ value[:1]|length }}{{ 'abc'[::-1] }}{{ value[-1].a }}", "1cbay"),
        ("{{ value|tojson }}", '[{"a": "x", "n": 1}, {"a": "y", "n": 2}]'),
        ("{{ [1]|tojson(indent=1) }}{{ '<'|tojson }}", '[\n 1\n]"\\u003c"'),
        ("{{ 'a b'|title|replace('A', 'C') }}{{ 'a,b'.split(',')|last }}", "C Bb"),
        ("{{ missing is defined }}{{ missing|default('d') }}{{ 3 is odd }}{{ 'a' in ['a'] }}", "FalsedTrueTrue"),
        ("{{ [1, 2, 3]|batch(2)|list }}{{ [1, 2, 3]|slice(2)|list }}", "[[1, 2], [3]][[1, 2], [3]]"),
        ("{{ 2.567|round(1) }}{{ '7'|int + 1 }}{{ [[1], [2]]|sum(start=[]) }}", "2.68[1, 2]"),
        ("{{ 'a\nb'|indent(2) }}{{ 'aa bb'|wordwrap(2) }}{{ '<'|e }}", "a\n  baa\nbb&lt;"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{% set j = joiner() %}{{ j() }}1{{ j() }}", "ab1, "),  # noqa: E501
        ("{% for x in [[1, [2]]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}", "12"),
        ("{{ dict(a=1).get('a') }}{{ {'copy': 5}.copy }}{{ value[0]['a'] }}{{ 7 // 2 }}{{ -7 % 4 }}", "15x31"),
        ("{% for x in [1, 1, 2] %}{% if loop.changed(x) %}{{ x }}{% endif %}{{ loop.cycle('-', '+') }}{% endfor %}", "1-+2-"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_templates_are_written_for_stays(template: str, text: str) -> None:
    value = [{"a": "x", "n": 1}, {"a": "y", "n": 2}]
    assert operators.render(template, {"input": {}, "steps": {}, "value": value}) == text


def test_a_report_of_many_rows_fits() -> None:
    rows = [{"name": f"row {n}", "cost": n / 7, "tags": ["a", "b"]} for n in range(20_000)]
    template = "{% for r in value %}{{ loop.index }}. {{ r.name|title }}: {{ '%.2f' % r.cost }} {{ r.tags|join(', ') }}\n{% endfor %}"  # noqa: E501
    text = operators.render(template, {"value": rows}, Budget())
    assert text.count("\n") == 20_000
