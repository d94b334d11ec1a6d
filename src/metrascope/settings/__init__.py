"""Settings of a study; `paper.toml` has the paper's, `demo.toml` those of the first five minutes.

study_settings settings of a study: what is done, with which values, from TOML and ``--set``
"""
