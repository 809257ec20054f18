"""What the engine starts as ``pulumi-resource-aws``."""

from tests.engine.aws_provider.provider import AwsStandIn
from tests.engine.provider_protocol.server import serve

if __name__ == "__main__":
    serve(AwsStandIn())
