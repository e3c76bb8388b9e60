"""The resource /v1/jobs: what a client sees of runs, and what it may do with them."""
