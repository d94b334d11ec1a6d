"""A trained network as a file that reads one image without torch."""
