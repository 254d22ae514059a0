"""Alerts over HTTP: decode, keep before answering, then ask for orders (docs/alerts.md)."""
