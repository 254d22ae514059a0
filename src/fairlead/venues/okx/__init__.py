"""OKX behind the Venue port: orders over WebSocket and REST, reports from the private sockets, within OKX's limits."""
