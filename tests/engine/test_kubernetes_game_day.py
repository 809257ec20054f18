"""The game day's schedule on real controllers: one run at a time, and what a run may do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from blueprint.security import Security
from blueprint.stack_config import GameDayConfig
from components.game_day_schedule import HEAL_S, GameDaySchedule, GameDayScheduleArgs
from components.kafka_identity import KafkaIdentity
from tests.engine.conftest import ProgramEngines
from tests.engine.control_plane.api import Api, Object, Reference, wait_for
from tests.engine.control_plane.control_plane import ControlPlane
from tests.engine.harness.engine import StandIn

pytestmark = pytest.mark.engine


def every_minute(namespace: str) -> None:
    """Declare a game day that is due all the time."""
    identity = KafkaIdentity(Security.SCRAM, "quorate-chaos", "quorate-chaos", "authority")
    config = GameDayConfig(
        image="chaos:1", experiment="rebalance", schedule="* * * * *", deadline_s=1800
    )
    GameDaySchedule(
        "game-day",
        GameDayScheduleArgs(
            config=config,
            namespace=namespace,
            outputs="{}",
            identity=identity,
        ),
    )


def become_due(api: Api, schedule: Reference) -> None:
    """As if the last run had begun two minutes ago: the next is overdue."""
    ago = (datetime.now(UTC) - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.patch(schedule, {"status": {"lastScheduleTime": ago}}, "status")


@pytest.fixture
def volume(control_plane: ControlPlane, namespace: str) -> Iterator[str]:
    """A volume for the claim of the game day, as a storage class would make one."""
    claim = {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": "game-day"}
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": claim,
            "hostPath": {"path": "/nowhere"},
        },
    }
    control_plane.api.create(body)
    yield namespace
    control_plane.api.delete(Reference("v1", "PersistentVolume", namespace))


@pytest.mark.usefixtures("volume")
def test_two_runs_never_overlap(
    program_engine: ProgramEngines, kubernetes: StandIn, control_plane: ControlPlane, namespace: str
) -> None:
    """A run that is due while another goes on is not started; the one that runs is left alone."""
    api = control_plane.api
    program_engine(lambda: every_minute(namespace), kubernetes).up()
    schedule = Reference("batch/v1", "CronJob", "game-day", namespace)

    def jobs() -> list[Object]:
        return api.objects("batch/v1", "Job", namespace)

    become_due(api, schedule)
    first = wait_for("the first run", jobs, 90)
    wait_for("its pod to run", lambda: _running(api, namespace), 60)
    become_due(api, schedule)
    wait_for("the second to be turned away", lambda: _turned_away(api, namespace), 90)
    assert [job["metadata"]["uid"] for job in jobs()] == [job["metadata"]["uid"] for job in first]
    spec = first[0]["spec"]
    assert spec["activeDeadlineSeconds"] == 1800
    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == HEAL_S


def test_the_suite_may_ask_the_api_server_nothing(
    program_engine: ProgramEngines, kubernetes: StandIn, control_plane: ControlPlane, namespace: str
) -> None:
    """The authorizer itself says that the account may read no Secret and touch no pod."""
    api = control_plane.api
    program_engine(lambda: every_minute(namespace), kubernetes).up()
    account = api.get(Reference("v1", "ServiceAccount", "game-day", namespace))
    assert account is not None
    assert account["automountServiceAccountToken"] is False
    for verb in ("get", "list", "delete"):
        for resource in ("secrets", "pods"):
            assert not _allowed(api, namespace, verb, resource)


def _running(api: Api, namespace: str) -> bool:
    pods = api.objects("v1", "Pod", namespace)
    return [pod["status"]["phase"] for pod in pods] == ["Running"]


def _turned_away(api: Api, namespace: str) -> bool:
    events = api.objects("v1", "Event", namespace)
    return any(event["reason"] == "JobAlreadyActive" for event in events)


def _allowed(api: Api, namespace: str, verb: str, resource: str) -> bool:
    asked = {"namespace": namespace, "verb": verb, "resource": resource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:game-day",
            "resourceAttributes": asked,
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(api.request("POST", path, body=review)["status"]["allowed"])
