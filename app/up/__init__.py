"""`chorus up`: everything Chorus needs on one machine, started, watched and stopped together."""
