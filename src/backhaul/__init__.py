"""Returns from ZigZag into Dynamics 365, with proof that goods, stock, credit and ledger agree."""
