"""Run Matline and look after it: start the stack, verify and rebuild it, manage tokens, test readers."""
