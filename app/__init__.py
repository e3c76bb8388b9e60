"""The web: HTTP in, HTTP out. It submits runs and waits for them; it samples and votes on nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from workers.settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """The Flask app; without `settings` those of the environment.

    Imported late, so that `chorus --help` does not wait for Celery.
    """
    from app import factory  # noqa: PLC0415

    return factory.create_app(settings)
