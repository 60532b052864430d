"""Ways to the pods: Services, routes, clients, policies, ports and interfaces."""
