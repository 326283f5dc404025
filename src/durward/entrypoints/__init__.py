"""Floor 4: where Durward meets the world. Entrypoints translate; they decide nothing."""
