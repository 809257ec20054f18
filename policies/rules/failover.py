"""How long nobody can write when a zone is lost: predicted from the settings of both sides."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import BALANCED, KAFKA_DEFAULTS, FailoverProfile
from blueprint.failover_target import TARGET_S
from policies.rules.wanted import not_as_wanted
from policies.said import Said
from policies.view import KafkaSettings, View
from policies.violation import Violation

_BROKERS = {
    "broker_session_timeout_ms": "broker.session.timeout.ms",
    "replica_fetch_backoff_ms": "replica.fetch.backoff.ms",
    "controller_socket_timeout_ms": "controller.socket.timeout.ms",
    "broker_quorum_request_timeout_ms": "controller.quorum.request.timeout.ms",
}
_CONTROLLERS = {
    "controller_quorum_fetch_timeout_ms": "controller.quorum.fetch.timeout.ms",
    "controller_quorum_election_timeout_ms": "controller.quorum.election.timeout.ms",
}
_PRODUCERS = {
    "client_socket_timeout_ms": "socket.timeout.ms",
    "client_retry_backoff_max_ms": "retry.backoff.max.ms",
    "client_metadata_refresh_fast_ms": "topic.metadata.refresh.fast.interval.ms",
}
_SETTING = "time-outs of brokers, quorum and clients"


def judge_failover(view: View) -> Iterator[Violation]:
    """Writing goes on within the target."""
    if not view.kafka:
        return
    said = _said(view)
    targets = [aim.failover_target_s for aim in view.aims if not aim.failover_target_s.absent]
    if any(one.unknown for ones in said.values() for one in ones):
        return
    if any(one.unknown for one in targets):
        return
    broken = [one for ones in said.values() for one in ones if not one.absent and not one.number]
    for one in broken:
        yield not_as_wanted(one, "a time-out in milliseconds")
    if broken:
        return
    predicted_s = _predicted_s(_profile(said))
    for target in targets or [Said(view.kafka[0].urn, _SETTING, TARGET_S)]:
        target_s = target.number or 0.0
        if predicted_s > target_s:
            hidden = any(one.hidden for ones in said.values() for one in ones)
            found = "more" if hidden else f"{predicted_s:g} s"
            least = "the target" if target.hidden else f"{target_s:g} s, the target,"
            required = f"{least} or less"
            yield Violation(view.kafka[0].urn, _SETTING, f"{found} predicted", required)


def _said(view: View) -> Mapping[str, list[Said]]:
    """Every value of every time-out that counts, by its name in a profile."""
    brokers = [one for one in view.kafka if one.serves_as("broker")]
    controllers = [one for one in view.kafka if one.serves_as("controller")]
    found = {field: _of(brokers, name) for field, name in _BROKERS.items()}
    found |= {field: _of(controllers, name) for field, name in _CONTROLLERS.items()}
    producers = [one.settings for one in view.clients if one.produces]
    for field, name in _PRODUCERS.items():
        found[field] = [settings.said(name) for settings in producers]
    return found


def _of(nodes: list[KafkaSettings], name: str) -> list[Said]:
    return [node.settings.said(name) for node in nodes]


def _profile(said: Mapping[str, list[Said]]) -> FailoverProfile:
    """The slowest of all that is said; a client that nobody declared has the project's settings."""
    slowest = {}
    for field, ones in said.items():
        default = getattr(KAFKA_DEFAULTS, field)
        values = [default if one.absent else int(one.number or 0) for one in ones]
        if values or field not in _PRODUCERS:
            slowest[field] = max(values, default=default)
    started = {field: getattr(BALANCED, field) for field in _PRODUCERS}
    # A voter's stagger is in its own fetch time-out already.
    return replace(KAFKA_DEFAULTS, controller_quorum_fetch_stagger_ms=0, **(started | slowest))


def _predicted_s(profile: FailoverProfile) -> float:
    losses = (Loss.KILL, Loss.BLACKHOLE)
    return max(predict(profile, loss, controller_inside=True).produce_s for loss in losses)
