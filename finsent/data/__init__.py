"""Sources, the validated table, splits, checks, neighbours."""
