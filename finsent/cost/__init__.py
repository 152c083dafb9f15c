"""What a run will take: speed, remaining time, measured memory."""
