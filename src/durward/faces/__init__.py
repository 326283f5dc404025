"""Floor 4: where Durward meets the world. Faces translate; they decide nothing."""
