"""Plain ladders in whole numbers: the quick way to the very same run."""
