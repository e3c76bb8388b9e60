"""The shell: runs the domain on Celery, Redis and an OpenAI-compatible upstream."""
