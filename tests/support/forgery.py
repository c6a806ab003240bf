"""What a superuser of the database can do to the record, with all that hangs on it recomputed."""

from hashlib import sha256
from typing import Any


async def allow_what_was_denied(rows: Any) -> int:
    """Every run that was denied was started instead; links and heads fit, and no checkpoint says otherwise."""
    chains = await rows.fetch(
        "select chain_id, count(*) as denied from livery.journal where kind = 'run.denied' group by 1"
    )
    async with rows.transaction():
        await rows.execute(
            "update livery.journal set kind = 'run.started', code = '' where kind = 'run.denied'"
        )
        for chain in chains:
            await _relink(rows, chain["chain_id"])
        await rows.execute("delete from livery.checkpoint")
    return sum(chain["denied"] for chain in chains)


async def _relink(rows: Any, chain: str) -> None:
    head = sha256(f"livery:chain:{chain}".encode()).digest()
    for link in await rows.fetch(
        "select * from livery.chain_link where chain_id = $1 order by last_seq", chain
    ):
        entries = await rows.fetch(
            "select livery.entry_hash(j) as hash from livery.journal j"
            " where chain_id = $1 and seq between $2 and $3 order by seq",
            chain, link["first_seq"], link["last_seq"],
        )  # fmt: skip
        head = sha256(head + b"".join(entry["hash"] for entry in entries)).digest()
        await rows.execute(
            "update livery.chain_link set hash = $3 where chain_id = $1 and last_seq = $2",
            chain, link["last_seq"], head,
        )  # fmt: skip
    await rows.execute("update livery.chain set head = $2 where chain_id = $1", chain, head)
