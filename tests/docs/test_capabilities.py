"""docs/capabilities.md: each capability on each runtime, how it is enforced, and the test that shows it.

The table is here, beside what checks it: every cell is there, and every named test exists.
"""

import pytest
from tests.docs.generated import DOCS, check, exists

from livery.manifest.capabilities import KINDS
from livery.manifest.contract_schema import RUNTIMES

GUARD = "tests/execution/test_guard.py::test_undeclared_is_refused_and_recorded"
ESCAPE = "tests/attacks/test_escape.py::test_stopped"
PIPELINE = "tests/execution/pipeline/test_pipeline.py"
SKILLS = "tests/execution/pipeline/test_pipeline_skills.py"
OUTSIDE = "tests/execution/outside"
CREDENTIALS = "tests/execution/container/test_credentials.py"
WEBHOOK = "tests/execution/outside/test_webhook.py"
CONTRACT = "tests/manifest/test_contract.py"
NOTHING = (
    "no code runs: `executor_unbound`, and a contract that declares any is refused",
    CONTRACT,
)
REMOTE = (
    "the remote tool runs elsewhere: it gets its arguments and nothing else",
    "tests/execution/remote",
)
NO_WAY = (
    "not reachable: no operator does it",
    f"{PIPELINE}::test_malformed_steps_are_refused_where_they_stand",
)

CELLS: dict[tuple[str, str], tuple[str, str]] = {
    ("tools", "python"): (
        "`ctx.call` asks the declared `livery:KEY`; the inner call is a run of its own, decided anew",
        f"{SKILLS}::test_the_inner_call_is_decided_like_any_other",
    ),
    ("tools", "pipeline"): (
        "step `skill`: the same `ctx.call`",
        f"{SKILLS}::test_what_was_not_declared_is_not_called",
    ),
    ("tools", "mcp"): (
        "one tool, pinned by the hash of its name, description and schemas when certified",
        "tests/execution/remote",
    ),
    ("tools", "container"): ("no way to call: the container speaks to nobody", ESCAPE),
    ("data", "python"): ("`ctx.data` opens declared views only", GUARD),
    ("data", "pipeline"): (
        "step `query`: the same `ctx.data`",
        f"{PIPELINE}::test_a_query_is_held_to_what_was_declared",
    ),
    ("data", "container"): ("no view is mounted: the input is all it gets", ESCAPE),
    ("network", "python"): (
        "`ctx.http`: declared hosts, resolved once, private addresses refused; an audit hook refuses sockets",
        f"{OUTSIDE}/test_dial.py::test_a_name_that_rebinds_is_resolved_once_and_gains_nothing",
    ),
    ("network", "pipeline"): NO_WAY,
    ("network", "container"): (
        "no network but a proxy's socket that checks and logs every connection",
        f"{OUTSIDE}/test_proxy.py::test_everything_else_is_refused_in_words",
    ),
    ("credentials", "python"): (
        "`ctx.credential`: the vault opens a declared kind for this run; its values are redacted",
        f"{OUTSIDE}/test_scrub.py::test_every_form_is_taken_out",
    ),
    ("credentials", "pipeline"): NO_WAY,
    ("credentials", "container"): (
        "`/credentials/KIND.json` in memory: the vault opens a declared kind for this call; its values are redacted",
        f"{CREDENTIALS}::test_nobody_else_sees_it_while_it_is_there_and_after",
    ),
    ("effects", "python"): (
        "a request that is no GET or HEAD is an effect: approved, on record before it leaves, once",
        f"{WEBHOOK}::test_an_approved_webhook_leaves_once",
    ),
    ("effects", "pipeline"): (
        "only by a step `skill`, whose run asks for its own approval",
        f"{SKILLS}::test_an_effect_of_an_inner_skill_asks_for_its_own_approval",
    ),
    ("effects", "container"): (
        "the run is approved as a whole; no connection is made without it",
        f"{OUTSIDE}/test_proxy.py::test_what_is_not_let_go_does_not_leave",
    ),
    ("storage", "python"): ("refused: nothing serves it yet", GUARD),
    ("storage", "pipeline"): NO_WAY,
    ("storage", "container"): ("not reachable", ESCAPE),
    ("llm", "python"): ("refused: nothing serves it yet", GUARD),
    ("llm", "pipeline"): NO_WAY,
    ("llm", "container"): ("not reachable", ESCAPE),
    ("filesystem", "python"): (
        "an audit hook refuses files; it stops accidents, not malice; trusted publishers only",
        GUARD,
    ),
    ("filesystem", "pipeline"): NO_WAY,
    ("filesystem", "container"): ("a read-only root; /input read-only, /output of 10 MiB", ESCAPE),
    **{(kind, "mcp"): REMOTE for kind in KINDS if kind != "tools"},
    **{(kind, "instructions"): NOTHING for kind in KINDS},
}


def test_every_capability_of_every_runtime_has_its_cell() -> None:
    assert set(CELLS) == {(kind, runtime) for kind in KINDS for runtime in RUNTIMES}


@pytest.mark.parametrize("proof", sorted({proof for _, proof in CELLS.values()}))
def test_the_named_test_exists(proof: str) -> None:
    assert exists(proof), proof


def test_the_document_is_the_table() -> None:
    lines = ["| capability | runtime | how it is enforced | test |", "|---|---|---|---|"]
    for kind in KINDS:
        for runtime in RUNTIMES:
            how, proof = CELLS[kind, runtime]
            lines.append(f"| {kind} | {runtime} | {how} | `{proof}` |")
    check(DOCS / "capabilities.md", lines)
