"""The simulated exchange as OKX: its API v5 over HTTP and WebSocket, so that any OKX client can trade on it."""
