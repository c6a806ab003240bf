"""What changes nothing is sent again, after waits that follow from the run and the attempt alone."""

from typing import Any

import pytest
from tests.support.receiver import Receiver, receiver

from livery.authoring.context import HttpResponse
from livery.execution.outside.client import HttpRequest, OutcomeUnknown
from livery.execution.outside.dial import DialPolicy, TargetRefused
from livery.execution.outside.http import ATTEMPTS, RunHttp
from livery.execution.outside.none import _Dry
from livery.kernel.backoff import Backoff
from livery.manifest.capabilities import Capabilities


def http(
    target: Receiver, waited: list[float], fetch: Any = None, *, private: bool = True
) -> RunHttp:
    def delay(attempt: int) -> float:
        waited.append(Backoff().delay_ms("wf_m11_test_001", attempt) / 1000)
        return 0.0

    policy = DialPolicy(frozenset({target.host}) if private else frozenset())
    capabilities = Capabilities(network=(target.host,))
    return RunHttp(capabilities, lambda *_: None, policy, _Dry(), fetch=fetch, delay_s=delay)


def test_a_busy_target_is_asked_three_times_and_then_believed() -> None:
    with receiver(status=503) as target:
        waited: list[float] = []
        assert http(target, waited).request("GET", target.url).status == 503
        assert len(target.received) == ATTEMPTS == 3
        assert waited == [0.186, 0.430]  # the vectors of the contracts


def test_an_answer_ends_it() -> None:
    with receiver() as target:
        answers = iter([503, 200, 200])
        waited: list[float] = []

        def fetch(request: HttpRequest) -> HttpResponse:
            return HttpResponse(next(answers), {}, b"")

        assert http(target, waited, fetch).request("GET", target.url).status == 200
        assert waited == [0.186]


def test_a_target_that_hangs_up_is_asked_again() -> None:
    with receiver(drop=True) as target:
        waited: list[float] = []
        with pytest.raises(OutcomeUnknown):
            http(target, waited).request("HEAD", target.url)
        assert len(target.received) == 3


def test_a_refused_target_is_not_asked_again() -> None:
    with receiver() as target:
        waited: list[float] = []
        with pytest.raises(TargetRefused):
            http(target, waited, private=False).request("GET", target.url)
        assert (waited, target.received) == ([], [])
