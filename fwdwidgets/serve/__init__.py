"""Serve lessons by Voila, or open a copy of them in JupyterLab."""
