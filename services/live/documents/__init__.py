"""The shapes of live's answers, for the OpenAPI document. Answers are plain objects; tests hold both together."""
