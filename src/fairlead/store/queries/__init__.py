"""What each feature reads and writes, one file per feature."""
