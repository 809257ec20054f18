"""What the nodes' agents tell the API server: every pod starts at once, and ends at once.

Without it a pod would never be ready, so no disruption budget would count it, and a pod or a
namespace that is deleted would never be gone.
"""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import suppress

import requests

from tests.engine.control_plane.api import Api, ApiError, Object, Reference

#: How often a watch is begun anew, which bounds how long ``stop`` waits.
_WATCH_S = 2
_STOP_S = 30.0
_CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
_BOUND = {"fieldSelector": "spec.nodeName!="}


class Kubelets:
    """Answers for every pod that was placed; a thread of this process."""

    def __init__(self, api: Api) -> None:
        """Begin with ``start``."""
        self._api = api
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelets", daemon=True)
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """From now on pods start and end."""
        self._thread.start()

    def stop(self) -> None:
        """Return once the thread has ended.

        Raises:
            TimeoutError: It has not.
        """
        self._stopped.set()
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise TimeoutError(f"the kubelets' thread did not end within {_STOP_S:.0f} s")

    def _run(self) -> None:
        while not self._stopped.is_set():
            # An API server that is going away, or a version too old to watch from: begin anew.
            with suppress(requests.RequestException, ApiError):
                self._follow()

    def _follow(self) -> None:
        pods = self._api.request("GET", "/api/v1/pods", _BOUND)
        for pod in pods["items"]:
            self._answer(pod)
        version = pods["metadata"]["resourceVersion"]
        while not self._stopped.is_set():
            for event in self._events(version):
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._answer(event["object"])

    def _events(self, version: str) -> Iterator[Object]:
        wanted = {
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_S),
            "allowWatchBookmarks": "true",
        }
        with self._api.watch("/api/v1/pods", _BOUND | wanted) as answer:
            for line in answer.iter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(410, "the watch is too old")
                yield event
                if self._stopped.is_set():
                    return

    def _answer(self, pod: Object) -> None:
        metadata = pod["metadata"]
        reference = Reference("v1", "Pod", metadata["name"], metadata["namespace"])
        with suppress(ApiError):  # It went in the meantime, or is another of the same name.
            if metadata.get("deletionTimestamp"):
                self._api.delete(reference, grace_s=0)
            elif pod["status"].get("phase") == "Pending":
                self._api.patch(reference, self._running(pod), "status")

    def _running(self, pod: Object) -> Object:
        started = pod["metadata"]["creationTimestamp"]
        high, low = divmod(next(self._numbers), 250)
        conditions = [
            {"type": type_, "status": "True", "lastTransitionTime": started}
            for type_ in _CONDITIONS
        ]
        containers = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": started}},
            }
            for container in pod["spec"]["containers"]
        ]
        address = f"10.244.{high % 250}.{low + 1}"
        return {
            "metadata": {"uid": pod["metadata"]["uid"]},
            "status": {
                "phase": "Running",
                "conditions": conditions,
                "containerStatuses": containers,
                "podIP": address,
                "podIPs": [{"ip": address}],
                "startTime": started,
            },
        }
