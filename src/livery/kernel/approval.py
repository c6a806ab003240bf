"""Who may approve what, and where an action would go: pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from livery.manifest.capabilities import hosts_meant
from livery.manifest.urls import shown_host

STEPS = ("grant", "deny", "revoke", "register")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who decides, or who started what is decided. `token_id` is text; empty where it is not known.

    Whoever made a token can use it. `hand` are the keys of the customer admins up the line of those who made this
    one, `makers` those of the staff up that line.
    """

    token_id: str
    name: str
    role: str
    hand: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Token, name and `hand`: any two that share one of these are one person."""
        own = (f"t:{self.token_id}" if self.token_id else "", name_key(self.name))
        return tuple(dict.fromkeys(key for key in (*own, *self.hand) if key))

    def same_as(self, other: Person) -> bool:
        """Whether both may be one person: one token or name, one made the other's, or one customer admin made both.

        Two whose tokens were handed out by one of the staff are two, or no two ever were; that one is neither's other.
        """
        mine, theirs = set(self.keys), set(other.keys)
        return not (
            mine.isdisjoint(theirs)
            and mine.isdisjoint(other.makers)
            and theirs.isdisjoint(self.makers)
        )


def plain_name(name: str) -> str:
    """A name as names are compared: width, case, spaces and what is not seen make no other person."""
    text = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def name_key(name: str) -> str:
    """The key of a name; empty where it has none."""
    plain = plain_name(name)
    return f"n:{plain}" if plain else ""


@dataclass(frozen=True, slots=True)
class House:
    """What a workspace has ordered: nobody approves what they started; operators may approve here."""

    four_eyes: bool
    delegated: bool


def refusal(step: str, person: Person, started_by: Person, house: House) -> str | None:
    """Why this person may not take this step (of STEPS), None where they may. `approver` is staff whose job this is.

    Four eyes hold for a grant only: whoever may decide at all may also stop what they started.
    """
    if person.role == "agent":
        return "An agent never approves."
    if person.role == "operator" and not house.delegated:
        return (
            "Operators approve in this workspace only where its admin has delegated that to them."
        )
    if person.role not in ("operator", "approver", "customer_admin"):
        return f"Approving needs the role approver or customer_admin; the token has {person.role}."
    if step == "grant" and house.four_eyes and person.same_as(started_by):
        return "This workspace wants four eyes: nobody approves what they started themselves."
    return None


def targets(network: tuple[str, ...], args: Any) -> tuple[str, ...]:
    """The hosts that an action would reach: those declared, and those that this input names (`input:/pointer`)."""
    return hosts_meant(network, args, shown_host)
