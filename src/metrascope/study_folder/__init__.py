"""Study_folder."""
