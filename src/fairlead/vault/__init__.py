"""Keeps what must be used again but not be readable where it is kept, such as venue keys and tokens of channels."""
