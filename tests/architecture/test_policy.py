"""The policy of the test run itself: it would be silent if a plugin stopped enforcing it."""

from __future__ import annotations

import asyncio
import socket
import warnings

import pytest
from hypothesis import settings
from pytest_socket import SocketConnectBlockedError

# Reserved for documentation (RFC 5737): nobody is there, should the guard ever fail.
STRANGER = "192.0.2.1"


def test_a_warning_is_an_error() -> None:
    with pytest.raises(UserWarning, match="careful"):
        warnings.warn("careful", stacklevel=1)


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_nobody_outside_this_machine_is_reached() -> None:
    with socket.socket() as connection, pytest.raises(SocketConnectBlockedError):
        connection.connect((STRANGER, 80))


def test_nobody_outside_this_machine_is_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"looked up fairlead\.example"):
        socket.getaddrinfo("fairlead.example", 80)


async def test_this_machine_is_reached_by_async_tests() -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        writer.close()
        await writer.wait_closed()


def test_the_run_is_strict(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("xfail_strict") is True
    assert pytestconfig.getini("asyncio_mode") == "auto"
    assert pytestconfig.getini("timeout") == "60"
    assert pytestconfig.getoption("strict_markers") is True
    assert pytestconfig.pluginmanager.hasplugin("randomly")


def test_a_property_has_no_deadline() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
