"""Steps from one layout of the database to the next; each is written once and never edited again."""
