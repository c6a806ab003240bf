"""PostgreSQL: named queries, migrations, the journal writer with group commit."""
