"""What bots did beside what a replay of the same hours does, with every difference split into named parts."""
