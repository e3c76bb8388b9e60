"""Comparisons: one pool of traces, many strategies."""
