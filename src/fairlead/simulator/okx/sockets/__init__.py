"""The three WebSockets: connections, subscriptions, channels and trading."""
