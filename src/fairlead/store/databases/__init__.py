"""What the journal needs of a database, and the databases that give it."""
