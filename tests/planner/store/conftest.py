"""A fresh library per test: on SQLite, and on the PostgreSQL server that ``SELDINGER_TEST_POSTGRESQL`` names as well.

The URL is of a throw-away database (``postgresql+psycopg://planner@127.0.0.1:5432/lib``): every test makes a schema of
its own there and drops it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.store.library import Library

SERVER = os.environ.get("SELDINGER_TEST_POSTGRESQL")


@pytest.fixture
def library_file(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite"


@pytest.fixture
def server_url() -> Iterator[str]:
    """The URL of an empty library on the server, or skip."""
    if SERVER is None:
        pytest.skip("SELDINGER_TEST_POSTGRESQL names no server")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    from sqlalchemy import create_engine, make_url

    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(SERVER)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    url = make_url(SERVER).update_query_dict({"options": f"-csearch_path={name}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


@pytest.fixture(params=["sqlite", *(["postgresql"] if SERVER else [])])
def library(request: pytest.FixtureRequest) -> Iterator[Library]:
    if request.param == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('library_file')}"
    elif "library_file" in request.fixturenames:
        pytest.skip("this test is about the file of an SQLite library")
    else:
        url = request.getfixturevalue("server_url")
    opened = Library.open(url)
    yield opened
    opened.close()
