"""A real Kubernetes control plane on loopback: everything but what would run containers."""
