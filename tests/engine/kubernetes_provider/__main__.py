"""What the engine starts as ``pulumi-resource-kubernetes``."""

from tests.engine.kubernetes_provider.provider import KubernetesStandIn
from tests.engine.provider_protocol.server import serve

if __name__ == "__main__":
    serve(KubernetesStandIn())
