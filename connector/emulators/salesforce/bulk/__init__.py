"""Bulk API 2.0 (contract §3.4): loads of rows in CSV, and queries whose rows come as CSV."""
