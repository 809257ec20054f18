"""Ways into a stack: security groups, subnets, endpoints, services."""

from collections.abc import Iterator

from policies.extract.claim import Extractor, of_kind, of_type
from policies.reading import Part
from policies.view import Network, View

_TRUE, _FALSE = frozenset({"true"}), frozenset({"false"})
_WITHIN = frozenset({"clusterip", "externalname"})


def _rule(whole: Part) -> View:
    """A rule of a security group, a resource of its own."""
    sources = (whole.part(name).said() for name in ("cidrIpv4", "cidrIpv6"))
    return View(networks=tuple(Network(whole.urn, one) for one in sources if not one.absent))


def _older_rule(whole: Part) -> View:
    if whole.part("type").said().text == "egress":
        return View()
    return View(networks=tuple(_blocks(whole)))


def _group(whole: Part) -> View:
    inside = (network for one in whole.part("ingress").parts() for network in _blocks(one))
    return View(networks=tuple(inside))


def _blocks(part: Part) -> Iterator[Network]:
    for name in ("cidrBlocks", "ipv6CidrBlocks"):
        for block in part.part(name).parts():
            yield Network(part.urn, block.said())


def _subnet(whole: Part) -> View:
    return View(
        networks=(Network(whole.urn, whole.part("mapPublicIpOnLaunch").said(), _FALSE, "false"),)
    )


def _control_plane(whole: Part) -> View:
    public = whole.part("vpcConfig", "endpointPublicAccess").said()
    return View(networks=(Network(whole.urn, public, _FALSE, "true"),))


def _balancer(whole: Part) -> View:
    return View(networks=(Network(whole.urn, whole.part("internal").said(), _TRUE, "false"),))


def _service(whole: Part) -> View:
    form = whole.part("spec", "type").said()
    return View(networks=(Network(whole.urn, form, _WITHIN, "ClusterIP"),))


def _ingress(whole: Part) -> View:
    return View(networks=(Network(whole.urn, whole.part("kind").said(), frozenset()),))


def _policy(whole: Part) -> View:
    cidrs = (
        peer.part("ipBlock", "cidr").said()
        for rule in whole.part("spec", "ingress").parts()
        for peer in rule.part("from").parts()
    )
    return View(networks=tuple(Network(whole.urn, one) for one in cidrs if not one.absent))


EXTRACTORS = (
    Extractor(of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"), _rule),
    Extractor(of_type("aws:ec2/securityGroupRule:SecurityGroupRule"), _older_rule),
    Extractor(of_type("aws:ec2/securityGroup:SecurityGroup"), _group),
    Extractor(of_type("aws:ec2/subnet:Subnet"), _subnet),
    Extractor(of_type("aws:eks/cluster:Cluster"), _control_plane),
    Extractor(
        of_type("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer"), _balancer
    ),
    Extractor(of_kind("Service", ""), _service),
    Extractor(of_kind("Ingress", "networking.k8s.io"), _ingress),
    Extractor(of_kind("NetworkPolicy", "networking.k8s.io"), _policy),
)
