"""Style: the texture and colours of one picture, carried over to another (Gatys, Ecker and Bethge, CVPR 2016).

What both kinds share:
    features.py           layers of VGG for a picture; feature_networks.py loads or makes the network, from weights.py
                          (torchvision's file) or random_filters.py (a network that was never trained)
    style_losses.py       what is compared: Gram matrices, content, total variation; color_target.py: colours
    colors.py             colours of content and style, matched or kept
    winograd.py           fast convolutions; place_sums.py, what is summed up over all places of features; recycled.py,
                          memory for both
    records.py            the losses step by step, as a table and a plot
The pixels of a picture take on a style:
    transfer.py           optimised from coarse to fine; inputs.py are its pictures, objective.py its loss,
                          optimizers.py its optimisers, recorder.py the frames of its animation
    transfer_fingerprint.py   what decides the result, for `--resume`
The strokes of a painting take on a style:
    stroke_styling.py     optimised; style_scene.py is what it works with, stroke_objective.py its loss,
                          style_parameters.py the strokes as parameters, levels.py its constants
    style.py              the style picture and its network
    restyle.py            a painting from a file; styled_search.py, one that has just been searched

`docs/style.md` says what other programs can use of it.
"""
