"""What the attacks are built from: the job, the one loop, norms, losses and the model they follow."""
