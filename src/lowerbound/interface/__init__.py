"""What the estimators share: verbs, capabilities, checks of what comes in, saving, and the parts of models."""
