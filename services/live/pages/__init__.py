"""Live's answers as pure functions of loaded data: one module for each kind of answer."""
