"""The mapping language: how one system shows one entity. Pure: text in, checked translators out."""
