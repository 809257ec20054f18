"""Tests of the fleet; a package, since its handlers are named to the fleet's door."""
