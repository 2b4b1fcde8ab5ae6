"""The search: strokes placed, then optimised by gradient descent, coarse to fine (Zou et al., CVPR 2021).

    search.py         the algorithm: `begin` places or moves strokes, `step` descends; staged_run.py has stages, clock,
                      saving and resuming, shared with styling
    config.py         every constant; plan.py turns them into stages for one painting, time_budget.py into seconds
    subject.py        picture, options and networks brought together; target.py is what a canvas is compared with,
                      view.py that target at one size on the device; maps.py, how strokes look while they move
    placer.py         new strokes: placement.py proposes places, climbing.py improves them, candidates.py scores them
    parameters.py     strokes as parameters of Adam (adam.py), within the artist's constraints
    pixel_losses.py   the losses; fused_loss.py is their fast form, transport.py the optimal-transport term
    revealing.py      one painting for several pictures, the first strokes of which show the first
    stroke_count.py   how many strokes: for `--strokes auto`, `--until-psnr` and `suggest`

It sees strokes only through `renderers.render`. `docs/search.md` tells what each idea gained, and what did not pay.
"""
