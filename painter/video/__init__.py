"""Moving pictures: strokes that are painted once and then live in time, carried along by what they depict.

clip_config.py   every constant; painter/options/video.py has what people set
clip_source.py   frames, sizes, rate and sound of a file, a folder of pictures or an animation
motion.py        what changed, where it went, what cannot be followed; carrying.py moves strokes along
company.py       the strokes that are alive, with identity, fades and rank; turnover.py lets them die and be born
clip_painter.py  one frame after the other: the state that can be saved and resumed
stroke_video.py  the stroke-video file: every stroke's life, frame by frame; film.py draws it, film_files.py writes it
"""
