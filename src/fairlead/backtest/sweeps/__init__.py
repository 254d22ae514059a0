"""Many runs of one bot with other settings: which were tried, how each did, and how far the best can be believed."""
