"""Nouns of bots: what a rule is told, what it wishes, and what is kept of a bot."""
