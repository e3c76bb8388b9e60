"""What clients may send: marshmallow schemas, from which /openapi.json is written too."""
