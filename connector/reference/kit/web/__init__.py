"""What the pages of both systems share: the frame, forms without loss, tables, templates, one style and one script."""
