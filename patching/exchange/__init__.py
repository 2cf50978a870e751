"""Files that describe patching in AWS, read into the same few parts and written from them. Pure.

``cloudformation``, ``terraform``, ``aws_json`` and ``own_yaml`` each read one format; ``formats`` knows them all.
"""
