"""What an experiment is: a workload, faults on a timeline, limits, and when to give up."""
