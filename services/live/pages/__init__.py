"""What live answers, as pure functions of loaded data: one module for each kind of answer."""
