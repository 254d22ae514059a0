"""An exchange of our own, in process and deterministic: a witness with its own books, independent of what it judges."""
