"""Tells people what happened, after it happened: reads the journal from its own cursor and never delays an order."""
