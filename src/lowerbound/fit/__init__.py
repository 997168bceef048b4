"""The only training loops of the library, and what they return."""
