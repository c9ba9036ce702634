"""The routes, one file a noun. Each is registered with a policy, or not at all."""
