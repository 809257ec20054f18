"""Policies, judged on the resources that the shipped stacks declare."""
