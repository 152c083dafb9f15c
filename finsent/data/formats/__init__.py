"""Formats of data files: bytes as text, text as a table whose rows know where they stand."""
