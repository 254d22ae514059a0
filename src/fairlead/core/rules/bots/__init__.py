"""Verbs of bots: ladders, ledgers, rules that decide, and the keeping of their orders."""
