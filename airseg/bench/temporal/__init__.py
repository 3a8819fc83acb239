"""The temporal study: trained rows in, findings on what memory gives, where and when, out."""
