"""Arrays in, matplotlib figures out; the only part that imports matplotlib; no torch."""
