"""URIs of storages: what cannot be one is refused, and no secret is repeated."""

from __future__ import annotations

import pytest

from tasks.errors import UsageError
from tasks.storage.storage import open_storage

SECRET = "S3cr3tKey"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"s3://KEY:{SECRET}@bucket/x", "a key in the URI would be seen by others"),
        (f"s3://bucket/x?endpoint_override=http://u:{SECRET}@h", "a key in the endpoint would be seen by others"),
        (f"s3://bucket/x?secret_key={SECRET}", "unknown option 'secret_key'; choose from endpoint_override"),
        (f"gs://{SECRET}@bucket/x", "a key in the URI would be seen by others"),
        (f"s4://{SECRET}@bucket/x", "did you mean 's3://'?"),
        (f"http://user:{SECRET}@host/x", "choose from file://, gs://, s3://"),
        ("s3://", "--storage s3://: name a bucket, such as s3://bucket/results"),
        ("s3:///x", "--storage s3:///x: name a bucket, such as s3://bucket/results"),
        (f"s3://[{SECRET}", "Invalid IPv6"),
        ("s3://bucket/a/../b", "is no place: it holds .. or a character that is none"),
        ("s3://bucket/a/%2e%2e/b", "is no place: it holds .."),
        ("file:///a%00b", "is no place: it holds .."),
    ],
)
def test_a_uri_that_cannot_be_is_refused_and_not_repeated(uri: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_storage(uri)
    assert message in str(raised.value)
    assert SECRET not in str(raised.value)
