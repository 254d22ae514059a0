"""Quotes as they are now."""
