"""The networks in checkpoints/ that imitate the brushes.

train_renderer.py      trains one brush's networks and puts them into checkpoints/
evaluate_renderers.py  prints how well all of them imitate their brushes
"""
