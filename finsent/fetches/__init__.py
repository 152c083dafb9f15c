"""Fetching a model or a data set from the hub in a process of its own, which outlives the page that asked for it."""
