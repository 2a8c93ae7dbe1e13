"""The built-in ERP: customers, items with stock, orders that are shipped, invoiced and paid, and a ledger."""
