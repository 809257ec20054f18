"""Hosts that are not prepared, and ways in that should not be there."""

from tests.policies.mutation import (
    GONE,
    Mutation,
    at,
    in_properties,
    in_text,
    in_user_data,
)
from tests.policies.stacks import AWS, KUBERNETES, LOCAL

_RULES = "securityGroupIngressRule:SecurityGroupIngressRule"


def _kernel(rule: str, name: str, value: object) -> Mutation:
    return Mutation(
        rule, AWS, at(":Parameter", "brokers-sysctl", ["value"], in_properties(name, value))
    )


def _host(rule: str, type_: str, name: str, path: list[str | int], value: object) -> Mutation:
    return Mutation(rule, AWS, at(type_, name, path, value))


_LISTENER: list[str | int] = ["spec", "kafka", "listeners", 0]

MUTATIONS: tuple[Mutation, ...] = (
    _kernel("host-socket-limits", "net.core.rmem_max", "212992"),
    _kernel("host-socket-limits", "net.ipv4.tcp_wmem", "4096 131072 262144"),
    _kernel("host-queues", "net.core.somaxconn", "128"),
    _kernel("host-queues", "net.core.netdev_max_backlog", GONE),
    _kernel("host-memory-maps", "vm.max_map_count", "65530"),
    _kernel("host-page-cache", "vm.swappiness", "60"),
    _kernel("host-page-cache", "vm.dirty_ratio", "20"),
    _host(
        "host-open-files",
        ":Parameter",
        "brokers-limits",
        ["value"],
        in_text("LimitNOFILE=100000", "LimitNOFILE=1024"),
    ),
    _host(
        "host-mounts",
        ":Instance",
        "broker-2",
        ["userDataBase64"],
        in_user_data("/etc/quorate/node.env", in_text("noatime", "relatime")),
    ),
    _host(
        "broker-socket-buffers",
        ":Parameter",
        "broker-1-settings",
        ["value"],
        in_properties("socket.send.buffer.bytes", "102400"),
    ),
    Mutation(
        "broker-socket-buffers",
        LOCAL,
        at(":Lab", "local", ["broker_overrides", "replica.socket.receive.buffer.bytes"], GONE),
    ),
    _host(
        "no-plaintext-listener",
        ":Parameter",
        "broker-5-settings",
        ["value"],
        in_text("CLIENT_A:SASL_SSL", "CLIENT_A:SASL_PLAINTEXT"),
    ),
    Mutation(
        "no-plaintext-listener", KUBERNETES, at(":Kafka", "kafka", [*_LISTENER, "tls"], False)
    ),
    _host("no-public-ingress", _RULES, "aws-client-shop-10.40.0.0-16", ["cidrIpv4"], "0.0.0.0/0"),
    _host("no-public-ingress", _RULES, "aws-client-shop-10.40.0.0-16", ["cidrIpv6"], "::/0"),
    _host("no-public-ingress", ":Instance", "broker-1", ["associatePublicIpAddress"], True),
    _host("no-public-ingress", ":Subnet", "aws-nodes-a", ["mapPublicIpOnLaunch"], True),
    _host(
        "no-public-ingress",
        "cluster:Cluster",
        "kubernetes",
        ["vpcConfig", "endpointPublicAccess"],
        GONE,
    ),
    Mutation(
        "no-public-ingress",
        KUBERNETES,
        at(":Kafka", "kafka", [*_LISTENER, "type"], "loadbalancer"),
    ),
    Mutation(
        "no-public-ingress",
        KUBERNETES,
        at(":Service", "toxiproxy-a", ["spec", "type"], "LoadBalancer"),
    ),
    Mutation(
        "rights-asked-for",
        KUBERNETES,
        at(":Kafka", "kafka", ["spec", "kafka", "authorization"], GONE),
    ),
    _host(
        "rights-asked-for",
        ":Parameter",
        "controller-102-settings",
        ["value"],
        in_properties("allow.everyone.if.no.acl.found", "true"),
    ),
    _host("volumes-encrypted", ":Volume", "broker-1", ["encrypted"], False),
    _host("volumes-encrypted", ":Instance", "broker-3", ["rootBlockDevice", "encrypted"], GONE),
    _host(
        "volumes-encrypted", ":StorageClass", "quorate-gp3", ["parameters", "encrypted"], "false"
    ),
    _host(
        "volumes-encrypted",
        ":LaunchTemplate",
        "kubernetes-machines",
        ["blockDeviceMappings", 0, "ebs", "encrypted"],
        "false",
    ),
    _host(
        "instance-metadata-v2",
        ":Instance",
        "broker-1",
        ["metadataOptions", "httpTokens"],
        "optional",
    ),
    _host(
        "instance-metadata-v2", ":LaunchTemplate", "kubernetes-machines", ["metadataOptions"], GONE
    ),
)
