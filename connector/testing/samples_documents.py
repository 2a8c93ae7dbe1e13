"""What follows accounts, products and orders: contacts, and what the ERP tells of money. Mappings of both systems."""

from __future__ import annotations

CRM_CONTACT = """
entity: contact
object: contacts
external_key: external_id
fields:
  account: {field: company_id, ref: account}
  first_name: first_name
  last_name: last_name
  email: email
  status: {field: active, values: {active: true, inactive: false}}
"""

ERP_CONTACT = """
entity: contact
object: persons
external_key: crm_ref
fields:
  account: {field: customer, ref: account}
  first_name: given_name
  last_name: family_name
  email: mail
  status: {field: blocked, values: {active: false, inactive: true}}
"""

CRM_INVOICE = """
entity: invoice
object: invoices
external_key: external_id
fields:
  number: number
  account: {field: company_id, ref: account}
  order: {field: deal_id, ref: order}
  status: {field: status, values: {open: open, paid: paid, void: void}, unmapped: hold}
  currency: currency
  freight: {field: freight, currency: currency}
  open_amount: {field: open_amount, currency: currency}
  lines:
    field: lines
    id: id
    external_key: external_id
    fields:
      product: {field: product_id, ref: product}
      description: description
      quantity: quantity
      unit_price: {field: unit_price, currency: ^currency}
"""

ERP_INVOICE = """
entity: invoice
object: bills
read_only: true
fields:
  number: number
  account: {field: customer, ref: account}
  order: {field: order, ref: order}
  status: {field: state, values: {open: open, paid: paid, void: void}, unmapped: hold}
  currency: cur
  freight: {field: freight, currency: cur}
  subtotal: {field: net, currency: cur}
  tax: {field: vat, currency: cur}
  total: {field: total, currency: cur}
  open_amount: {field: open, currency: cur}
  lines:
    field: positions
    id: no
    fields:
      product: {field: item, ref: product}
      description: text
      quantity: qty
      unit_price: {field: price, currency: ^cur}
"""

CRM_PAYMENT = """
entity: payment
object: payments
external_key: external_id
fields:
  number: number
  account: {field: company_id, ref: account}
  invoice: {field: invoice_id, ref: invoice}
  amount: {field: amount, currency: currency}
  reference: reference
"""

ERP_PAYMENT = """
entity: payment
object: receipts
read_only: true
fields:
  number: number
  account: {field: customer, ref: account}
  invoice: {field: bill, ref: invoice}
  amount: {field: amount, currency: cur}
  reference: text
"""

CRM_BALANCE = """
entity: balance
object: companies
fields:
  open: {field: open_balance, currency: balance_currency}
  overdue: {field: overdue_balance, currency: balance_currency}
"""

ERP_BALANCE = """
entity: balance
object: balances
read_only: true
fields:
  open: {field: open, currency: cur}
  overdue: {field: overdue, currency: cur}
"""

DOCUMENT_TEXTS = {
    "contact": (CRM_CONTACT, ERP_CONTACT),
    "invoice": (CRM_INVOICE, ERP_INVOICE),
    "payment": (CRM_PAYMENT, ERP_PAYMENT),
    "balance": (CRM_BALANCE, ERP_BALANCE),
}
