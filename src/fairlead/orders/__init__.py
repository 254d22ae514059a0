"""The one order path: from a submitted request to the venue and back into the journal."""
