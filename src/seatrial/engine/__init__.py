"""A simulated SGLang: starts from the real command line, serves the real API without GPUs, and knows the truth.

It depends on ``seatrial.knowledge`` and httptools alone, so that it goes into an image.
"""
