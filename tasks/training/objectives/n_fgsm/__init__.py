"""N-FGSM: a single step from strong noise, which is not projected back."""
