"""HubSpot's CRM API over records of our own: its paths, its errors, its limits and its vices.

Written from the vendor's contract (sections are cited as "contract 3.2"), never from the adapter. Where the contract
calls a behaviour unconfirmed, the one that is harder on a client is the default and `switches.Switches` has the other.
"""
