"""Fetching a model from the hub in a process of its own, which outlives the page that asked for it."""
