"""`chorus eval` and `chorus replay`: strategies and budgets over one shared pool of traces a problem."""
