"""Where footage lies: from the fast disk to a big one to an object store, without losing a byte on the way."""
