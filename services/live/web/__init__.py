"""Pages as browsers get them: what each shows, in the words of both languages."""
