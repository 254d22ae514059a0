"""Replays history through the very rules that trade: the engine, its results, statistics, sweeps and reports."""
