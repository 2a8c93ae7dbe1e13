"""The state store: what is known between runs, in SQLite or PostgreSQL. The only SQL of the program.

`connector.state.store.open_store` opens it; `connector.state.vault.KeyVault` holds the key that never enters it.
"""
