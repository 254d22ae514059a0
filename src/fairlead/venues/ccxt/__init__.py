"""Any exchange that the library ccxt knows, behind the Venue port."""
