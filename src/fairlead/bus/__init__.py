"""Doorbells between the parts of a running Fairlead."""
