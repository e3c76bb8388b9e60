"""One file a resource; each offers a Flask blueprint."""
