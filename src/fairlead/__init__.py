"""Fairlead guides every trading signal to exactly one risk-checked order per account, and shows why."""
