"""Bots of other products as settings of ours: what is the same, what differs, and what cannot be carried over."""
