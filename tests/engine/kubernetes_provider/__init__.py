"""A stand-in for the Kubernetes provider: server-side apply on whatever the kubeconfig names.

Every kind that the API server knows is known here. Preview is a dry run, so that what the API
server would refuse is refused there already. Nothing is waited for, but that what is deleted goes.
"""
