//! Ingest: files into typed columns, actors and the log.
