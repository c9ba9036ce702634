"""One S3 server for all tests of this folder: it takes seconds to start."""

from collections.abc import Iterator

import pytest

from tests.s3 import S3, s3_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
