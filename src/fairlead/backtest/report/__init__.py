"""A run to look at: one page that carries its numbers along, a text, and two runs side by side."""
