"""The predictions table and the numbers made from it; no torch."""
