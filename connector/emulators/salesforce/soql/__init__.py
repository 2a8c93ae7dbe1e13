"""The part of SOQL the emulator answers (contract §2.1): parsed, compiled to SQL, and told as records.

parse      text -> Query; what it does not know is MALFORMED_QUERY
compile    Query + schema -> SQL; unknown names are INVALID_FIELD or INVALID_TYPE
records    rows -> the JSON of an answer
"""
