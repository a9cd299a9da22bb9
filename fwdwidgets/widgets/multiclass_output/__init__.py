"""Rows of numbers through a network with an output for each class."""
