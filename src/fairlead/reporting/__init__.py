"""What happened, for people: explanations now, reports later."""
