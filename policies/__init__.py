"""What a stack must hold to be provisioned; each rule names the experiment that shows why."""
