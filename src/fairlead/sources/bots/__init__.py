"""Bots: rules that sleep until a price, a time, a fill or a person wakes them."""
