"""A sample platform and a client of it, in process."""

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.client import sample_platform

from livery.client import LiveryClient


@pytest.fixture
def sample() -> ModuleType:
    return sample_platform


@pytest.fixture
def platform(sample: ModuleType) -> Any:
    return sample.SamplePlatform()


@pytest_asyncio.fixture
async def client(sample: ModuleType, platform: Any) -> AsyncIterator[LiveryClient]:
    transport = httpx.ASGITransport(app=platform)
    async with LiveryClient("http://livery.test", sample.TOKEN, transport=transport) as found:
        yield found
