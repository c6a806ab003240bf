"""The credential vault: its own process, database, role and key.

Others use `livery.vault.client.VaultClient` and `livery.vault.secret.Secret`; see
`docs/decisions/0003-vault.md`.
"""
