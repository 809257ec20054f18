"""For each rule what breaks it and nothing else, on the stacks where it can be broken."""

from tests.policies.broken import capacity, clients, durability, ground, operations, placement
from tests.policies.mutation import Mutation

MUTATIONS: tuple[Mutation, ...] = (
    *capacity.MUTATIONS,
    *clients.MUTATIONS,
    *durability.MUTATIONS,
    *ground.MUTATIONS,
    *operations.MUTATIONS,
    *placement.MUTATIONS,
)
