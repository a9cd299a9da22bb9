"""An autoencoder: input, code and reconstruction, and codes set by hand."""
