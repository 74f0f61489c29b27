"""The stages of the chain: each reads its upstream from the store, works, and publishes its artifact."""
