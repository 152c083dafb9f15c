"""Plotly figures from plain tables."""
