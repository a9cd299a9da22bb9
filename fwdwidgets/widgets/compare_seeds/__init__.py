"""Networks of several seeds or epochs side by side on one sample."""
