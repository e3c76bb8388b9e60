"""`chorus ask`: a question from the command line, its traces as they come in, the vote."""
