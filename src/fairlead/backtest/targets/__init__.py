"""Rules that answer plain targets: the quick way to the very same run."""
