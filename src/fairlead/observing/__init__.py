"""What the process lets others see of itself: logs without secrets, metrics, traces."""
