"""What a network looked at: heat maps and embeddings."""
