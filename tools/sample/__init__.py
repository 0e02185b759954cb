"""The generator of the corpus `sample`: short stories from a typed grammar, with every annotation
gold.

`python -m tools.sample.make` writes `corpora/sample/*.conllu`.
"""
