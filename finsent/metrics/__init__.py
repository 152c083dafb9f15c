"""Figures from predictions tables."""
