"""Runs that are kept, and as files for other programs."""
