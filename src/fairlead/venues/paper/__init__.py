"""The built-in paper venue: our simulated exchange behind the Venue port, with books that survive a restart."""
