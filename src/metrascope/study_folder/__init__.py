"""A study's folder, read back; nothing is computed here.

folder    the folder of a study: whether one is there, and whether a new one may be begun there
contents  read a study's folder into plain data; nothing is computed here
readers   readers of the files of a study: what they return has the form that its users rely on
schemas   the form of a study's JSON and TOML files, as far as the summary and the page rely on it
"""
