"""Rows as tokens, label scoring, generation, predictions tables."""
