"""Accounts: who works with the registry, what they may do, and how they sign in."""
