"""The report of a study: one self-contained HTML page in English and Chinese; no torch."""
