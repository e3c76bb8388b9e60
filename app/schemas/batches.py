"""What the routes of /v1/files and /v1/batches read."""

from marshmallow import fields, validate

from app.schemas.chat import between
from app.schemas.fields import webhook
from app.schemas.jobs import PageSchema, Strict

PURPOSES = ("batch",)
MOST_FILES = 10_000
WINDOW = "24h"


class ExpirySchema(Strict):
    """When a file is to go away."""

    anchor = fields.String(required=True, validate=validate.OneOf(["created_at", "output_file_created_at"]))
    seconds = fields.Integer(required=True, validate=between(3600, 2_592_000))


class FileSchema(Strict):
    """The form fields of an upload beside the file itself."""

    purpose = fields.String(
        required=True, validate=validate.OneOf(PURPOSES, error="Must be 'batch': nothing else reads files.")
    )
    expires_after = fields.Nested(ExpirySchema)


class FilePageSchema(PageSchema):
    """Which part of the list of files."""

    limit = fields.Integer(load_default=MOST_FILES, validate=between(1, MOST_FILES))
    order = fields.String(load_default="desc", validate=validate.OneOf(["asc", "desc"]))
    purpose = fields.String(load_default="")


class BatchSchema(Strict):
    """The body of POST /v1/batches."""

    input_file_id = fields.String(required=True)
    endpoint = fields.String(required=True)
    completion_window = fields.String(required=True, validate=validate.Equal(WINDOW))
    metadata = fields.Dict(
        keys=fields.String(validate=validate.Length(max=64)),
        values=fields.String(validate=validate.Length(max=512)),
        validate=validate.Length(max=16),
        allow_none=True,
    )
    output_expires_after = fields.Nested(ExpirySchema, allow_none=True)
    webhook = webhook()
