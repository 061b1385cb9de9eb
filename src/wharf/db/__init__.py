"""The engine's metadata in one SQLite file with one writer. Rooms own their tables; the schema is in migrations."""
