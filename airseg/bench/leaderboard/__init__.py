"""What people see of results: the table, the page with its figures and pictures, costs of networks.

In: results and speed studies. Out: CSV, Markdown and HTML.
"""
