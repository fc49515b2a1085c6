"""How do the shop and its payment providers tell what they paid?

`sheet` reads a file, or a page of an answer, row by row by the profile's `[payouts]`; `provider` asks a provider's own interface.
"""
