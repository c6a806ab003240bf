"""Typed client of the HTTP API: the public Python SDK."""

from livery.client.errors import (
    ApiProblem,
    InputNotJson,
    NotUnderstood,
    RunDenied,
    TooSlow,
    Unreachable,
)
from livery.client.livery_client import LiveryClient
from livery.client.sync import Livery

__all__ = [
    "ApiProblem",
    "InputNotJson",
    "Livery",
    "LiveryClient",
    "NotUnderstood",
    "RunDenied",
    "TooSlow",
    "Unreachable",
]
