"""Moving pictures: strokes that are painted once and then live in time, carried along by what they depict.

clip_config.py    what people do not set; painter/options/video.py has what they do
clip_source.py    frames, size, rate and sound of a video, an animation or a folder of pictures
motion.py         what changed, where it went, what was uncovered; camera.py how all of it moves alike
carrying.py       moves strokes along
looking_ahead.py  what frames to come show beyond the border; raster.py the pixels of a frame with that overscan
company.py        the strokes that are alive, with identity and fades; visibility.py tells what is seen of each
turnover.py       who dies and who is born; descent.py moves those that live towards the frame
kept_coverage.py  what they cover, for the fit of their colours
clip_painter.py   one frame after the other; clip_run.py all of them, which can be stopped, killed and resumed
shots.py          where shots begin, and one of them as work for a pool; shot_run.py paints them side by side
stroke_video.py   the stroke-video file, written; stroke_video_reader.py reads and checks it
film.py           a stroke video as pictures, at any size and rate; film_files.py and film_page.py write them
"""
