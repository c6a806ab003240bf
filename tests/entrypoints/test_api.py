"""The API's process."""

import socket
from pathlib import Path

import pytest

from livery.entrypoints import api
from livery.entrypoints.portal import PortalMisconfigured
from livery.entrypoints.settings import Settings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "api.example"])
@pytest.mark.parametrize("public_url", [None, "http://api.example"])
async def test_no_token_goes_over_the_open_wire(
    tmp_path: Path, unused_tcp_port: int, host: str, public_url: str | None
) -> None:
    """Before anything is opened: the database of this process is not there."""
    settings = Settings.read({"LIVERY_HOME": str(tmp_path), "LIVERY_PORT": str(unused_tcp_port)})
    with pytest.raises(PortalMisconfigured) as refused:
        await api.serve(settings, NOWHERE, host=host, public_url=public_url)
    assert "without TLS" in refused.value.message
    assert "127.0.0.1" in refused.value.remedy
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        pass  # nothing listens
