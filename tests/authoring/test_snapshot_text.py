"""What a new snapshot does to the text of contract.yaml: as little as it can."""

import yaml

from livery.authoring.snapshot import updated_yaml, with_kept

BEFORE = """\
# Ours.
apiVersion: livery/v1
version: 1.0.0

# Who may call it.
interface:
  input: {}  # anything
  output: {}
cost:
  estimate_usd: 0
# By hand.
tests:
  # the first case
  fixtures: []
"""


def test_nothing_changes_where_nothing_is_to_be_changed():
    assert updated_yaml(BEFORE, yaml.safe_load(BEFORE)) == (BEFORE, 0)


def test_only_the_changed_part_is_written_anew():
    wanted = yaml.safe_load(BEFORE)
    wanted["interface"]["output"] = {"type": "string"}
    after, lost = updated_yaml(BEFORE, wanted)
    assert after == BEFORE.replace("  input: {}  # anything\n", "  input: {}\n").replace(
        "  output: {}\n", "  output:\n    type: string\n"
    )
    assert lost == 1  # "# anything"
    assert updated_yaml(after, wanted) == (after, 0)


def test_a_new_part_stands_where_it_belongs_and_one_that_is_gone_is_gone():
    wanted = {"apiVersion": "livery/v1", "version": "1.0.0", "owner": "me"}
    wanted |= {k: v for k, v in yaml.safe_load(BEFORE).items() if k not in (*wanted, "cost")}
    after, lost = updated_yaml(BEFORE, wanted)
    assert after == BEFORE.replace("1.0.0\n", "1.0.0\nowner: me\n").replace(
        "cost:\n  estimate_usd: 0\n", ""
    )
    assert lost == 0


def test_a_text_in_one_line_is_written_whole():
    after, lost = updated_yaml("{version: 1.0.0}  # flow\n", {"version": "1.1.0"})
    assert (after, lost) == ("version: 1.1.0\n", 1)


def test_nothing_at_all():
    assert updated_yaml("", {"version": "1.0.0"}) == ("version: 1.0.0\n", 0)


def test_no_newline_at_the_end():
    text = "version: 1.0.0\nowner: me"
    after, _ = updated_yaml(text, {"version": "1.0.0", "owner": "me", "category": "x"})
    assert after == "version: 1.0.0\nowner: me\ncategory: x\n"


def test_what_people_write_is_kept():
    derived = {"version": "1.0.0", "cost": {"estimate_usd": 0}}
    hand = {"tests": {"fixtures": []}, "release": {"compatibility": "none"}}
    existing = {"version": "0.9.0", "cost": {"estimate_usd": 9, "high_cost": True}, **hand}
    assert with_kept(derived, existing) == {
        "version": "1.0.0",
        "cost": {"estimate_usd": 0, "high_cost": True},
        **hand,
    }
    assert derived["cost"] == {"estimate_usd": 0}
