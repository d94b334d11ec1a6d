"""The parts that work on files and images of their own: audit, ingest, predict."""

PARTS = {}
