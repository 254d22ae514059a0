"""Alerts over HTTP: decode, keep before answering, then ask for orders (webhook.md)."""
