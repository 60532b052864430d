"""What runs: groups and roles with their real arguments, the pods that will be there, what watches over them."""
