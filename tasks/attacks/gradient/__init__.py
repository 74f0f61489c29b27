"""The attacks that walk the one loop: FGSM, I-FGSM, MI-FGSM, PGD and Sparse L1 descent."""
