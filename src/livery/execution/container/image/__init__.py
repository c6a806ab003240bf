"""Makes the image that plugins run in, on a machine that reaches no registry of images."""
