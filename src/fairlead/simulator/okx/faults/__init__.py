"""What goes wrong between a client and the exchange: rules that decide when, and what carries them out."""
