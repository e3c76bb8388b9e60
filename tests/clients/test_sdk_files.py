"""Files as the official Python SDK sends and reads them."""

import json
from typing import Any

import httpx
import pytest
from batching import Json, upload
from clients.official import check
from openai import APIStatusError, BadRequestError, NotFoundError, OpenAI

CONTENT = b'{"custom_id": "a"}\n\xc3\xa9\x00\n'


def raw(answer: Any) -> Json:
    """The JSON of an SDK's raw response."""
    return dict(json.loads(answer.text))


def sent(client: OpenAI, content: bytes = CONTENT, name: str = "in.jsonl", **more: Any) -> Any:
    return client.files.create(file=(name, content), purpose="batch", **more)


def test_a_file_comes_back_as_it_was_sent(client: OpenAI) -> None:
    assert client.files.content(sent(client).id).content == CONTENT


def test_a_file_tells_of_itself(client: OpenAI) -> None:
    file = sent(client, name="ä b.jsonl")
    assert (file.bytes, file.filename, file.purpose) == (len(CONTENT), "ä b.jsonl", "batch")
    assert file.status == "processed"
    assert file.expires_at > file.created_at
    assert client.files.retrieve(file.id) == file


def test_a_file_is_an_official_one(client: OpenAI) -> None:
    file_id = sent(client).id
    check("OpenAIFile", raw(client.files.with_raw_response.retrieve(file_id)))
    check("ListFilesResponse", raw(client.files.with_raw_response.list()))
    check("DeleteFileResponse", raw(client.files.with_raw_response.delete(file_id)))


def test_files_are_listed_newest_first(client: OpenAI) -> None:
    ids = [sent(client).id for _ in range(3)]
    assert [file.id for file in client.files.list(limit=3).data] == ids[::-1]


def test_files_are_listed_page_by_page(client: OpenAI) -> None:
    ids = [sent(client).id for _ in range(5)]
    first = client.files.list(limit=2, after=ids[0], order="asc")
    assert ([file.id for file in first.data], first.has_more) == (ids[1:3], True)
    assert [file.id for file in first][:4] == ids[1:]


def test_files_are_listed_by_purpose(client: OpenAI) -> None:
    file_id = sent(client).id
    assert file_id in [file.id for file in client.files.list(purpose="batch")]
    assert file_id not in [file.id for file in client.files.list(purpose="batch_output")]


def test_a_deleted_file_is_gone(client: OpenAI) -> None:
    file_id = sent(client).id
    assert client.files.delete(file_id).deleted
    with pytest.raises(APIStatusError) as raised:
        client.files.content(file_id)
    assert (raised.value.status_code, raised.value.code) == (410, "file_gone")
    assert file_id not in [file.id for file in client.files.list()]


@pytest.mark.parametrize("name", ["file-none", "none", "file-" + "0" * 32 + "-output"])
def test_an_unknown_file_is_not_found(client: OpenAI, name: str) -> None:
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(NotFoundError) as raised:
            ask(name)
        assert raised.value.code == "file_not_found"


def test_files_after_an_unknown_one_are_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.files.list(after="file-none")
    assert raised.value.param == "after"


def test_files_are_for_batches_only(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.files.create(file=("in.jsonl", CONTENT), purpose="fine-tune")
    assert raised.value.param == "purpose"


def test_an_upload_without_a_file_is_refused(http: httpx.Client) -> None:
    answer = http.post("/files", files={"purpose": (None, "batch")})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


def test_a_file_goes_away_when_its_client_says(client: OpenAI) -> None:
    file = sent(client, expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.expires_at == file.created_at + 3600


def test_a_file_may_be_longer_than_a_request(client: OpenAI) -> None:
    content = b"0123456789abcdef" * 1_500_000
    assert len(content) > 20_000_000
    assert client.files.content(sent(client, content).id).content == content


def test_a_file_that_is_too_long_is_refused(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as raised:
        sent(client, b"x" * 50_000_001)
    assert (raised.value.status_code, raised.value.code) == (413, "request_too_large")


def test_the_list_of_files_tells_of_uploads(client: OpenAI) -> None:
    file_id = upload(client, [{"custom_id": "a"}])
    assert next(iter(client.files.list())).id == file_id
