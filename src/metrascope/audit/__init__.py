"""Does anything leak between partitions: duplicates, groups, balance, quality and the page."""
