"""Speed, memory and load, side by side with what a user would take instead."""
