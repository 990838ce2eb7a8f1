"""The from-scratch network core, in NumPy alone.

- ``activations``: element-wise functions and softmax, with their backward form.
- ``losses``: what is minimised, with its gradient at the output.
- ``randomness``: random numbers by role, so that changing one role never shifts another.
- ``initializers``: first parameters, drawn weight by weight from a trial's own seed.
- ``mlp``: the dense network: stacked forward pass and back-propagation.
- ``penalties``: what is added to the gradients, and what bounds them.
- ``optimizers``: update rules.
- ``schedules``: how the learning rate changes over the steps.

Arrays have the axes (trial, batch, feature), trial first, everywhere.
"""
