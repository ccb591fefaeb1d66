"""The tiny generators: pictures and clips of the drawn world from its captions."""
