"""Pictures: files become arrays of floats, and arrays of floats become what the search and the files need.

All modules use numpy and Pillow, some OpenCV and scikit-image; none imports torch.

    picture.py    files and arrays to a Picture     pixels.py      decoded pixels to floats     resizing.py  sizes
    ground.py     what is painted on; floats to bytes              masks.py    pictures that weight each pixel
    palette.py    the few colours of a painting     tones.py       the few tones of a picture
    focus.py      faces and fine detail             metrics.py     PSNR, SSIM and mean absolute error
    looked_at.py  the same, kept and begun ahead
    color.py      colours as #rrggbb                oklab.py       colours as they look
    grey_png.py   grey pictures as text, for stroke files          proportions.py   a picture cut to those of another
    stacking.py   pictures stacked on each other, with blend modes
    brush_file.py the texture of a brush of one's own              samples/    pictures that come with Impasto
"""
