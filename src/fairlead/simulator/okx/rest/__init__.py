"""The REST endpoints, by subject: each module lists its own."""
