"""What a stack is made of: one Pulumi component a file, each declared from the blueprint."""
