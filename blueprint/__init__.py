"""The pure core: what a three-zone Kafka platform is, as small typed values. No I/O."""
