"""The attack engine: crafting in the pixel space of [0, 1], and the evaluation that judges it."""
