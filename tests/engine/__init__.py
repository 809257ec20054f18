"""The real Pulumi engine, over stand-in providers."""
