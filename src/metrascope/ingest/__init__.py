"""Raw exports in, a clean data set out."""
