"""A stand-in for the AWS provider: the engine's protocol in front, moto's AWS behind.

A type is one entry of a table (``network.py``, ``compute.py``, ``identity.py``, ...): how boto3
makes, reads, changes and removes it. To add one, write its `Entry` there; most need one call of
`ec2` or `plain`. A type, a function or a change of a property without an entry is refused by name.

The entries refuse what AWS or the real provider refuses and moto does not: missing inputs, ranges,
a private address that is taken, a volume of another zone, a security group in use.
"""
