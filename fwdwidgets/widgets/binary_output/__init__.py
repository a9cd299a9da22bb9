"""Rows of numbers through a network with one sigmoid, and a threshold."""
