"""Rows of numbers through a network with one plain output."""
