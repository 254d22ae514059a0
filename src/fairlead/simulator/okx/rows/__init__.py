"""Rows as they go out: each from what the exchange knows, with all the fields that OKX has."""
