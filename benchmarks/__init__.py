"""Side by side with what a user would pick instead; each prints its figure last."""
