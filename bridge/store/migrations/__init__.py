"""The database's schema, revision by revision; run by `bridge.store._schema`."""
