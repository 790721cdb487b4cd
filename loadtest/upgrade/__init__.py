"""From one release to the next in the middle of a race: services of both side by side, and how long each gap is."""
