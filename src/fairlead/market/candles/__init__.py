"""History: closed candles of instruments, kept in files and looked at as arrays."""
