"""OpenAI's Responses over runs: reading the request, rendering the object, the stream of events."""
