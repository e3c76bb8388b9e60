"""Batches and files as clients see them."""
