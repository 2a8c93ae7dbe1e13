"""The built-in CRM: companies, contacts, products, deals, and what the ERP tells about them."""
