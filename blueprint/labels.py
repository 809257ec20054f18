"""Labels and tags by which a stack's objects are found: components write, policies read them."""

#: Kubernetes' own name of the zone of a node.
ZONE_LABEL = "topology.kubernetes.io/zone"
#: And of the node itself.
HOST_LABEL = "kubernetes.io/hostname"
#: What everything of a fleet carries.
FLEET_LABEL = "quorate.io/fleet"
#: Strimzi's own, of whatever belongs to a cluster.
CLUSTER_LABEL = "strimzi.io/cluster"
#: On AWS the name of the node that a machine or a volume is of.
NODE_TAG = "quorate:node"
