"""Conditions over bars: their words, how they are read from text, and how they are computed."""
