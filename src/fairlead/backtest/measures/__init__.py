"""What a run was like, in numbers."""
